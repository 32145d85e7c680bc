//! Values of a soak: one per whole window.

use super::Absent;
use super::rows::Values;
use crate::measure::record::StageRecord;
use crate::measure::soak::{Quantity, SoakWindow, series};

const NO_ANSWER: &str = "no window with a valid answer";

/// The values of a quantity over the windows that have one.
pub(super) fn values(stage: &StageRecord, quantity: Quantity) -> Values {
    let values: Vec<f64> = series(stage, quantity).into_iter().map(|(_, value)| value).collect();
    if values.is_empty() { Err(Absent(format!("no window in which {} is known", quantity.name()))) } else { Ok(values) }
}

pub(super) fn memory(stage: &StageRecord) -> Values {
    values(stage, Quantity::Memory)
}

pub(super) fn p50(stage: &StageRecord) -> Values {
    per_window(stage, NO_ANSWER, |window| Some(window.response?.p50_ns as f64 / 1e6))
}

pub(super) fn p99(stage: &StageRecord) -> Values {
    per_window(stage, NO_ANSWER, |window| Some(window.response?.p99_ns as f64 / 1e6))
}

pub(super) fn rps(stage: &StageRecord) -> Values {
    values(stage, Quantity::Rate)
}

pub(super) fn cpu_per_request(stage: &StageRecord) -> Values {
    per_window(stage, "CPU time of the target could not be read", |window| {
        (window.ok > 0).then_some(window.cpu_ns? as f64 / 1e3 / window.ok as f64)
    })
}

/// Windows without a value are left out: a window in which the target answered nothing has no response time.
fn per_window(stage: &StageRecord, why: &str, of: impl Fn(&SoakWindow) -> Option<f64>) -> Values {
    let values: Vec<f64> = stage.whole_windows().filter_map(of).collect();
    if values.is_empty() { Err(Absent(why.to_owned())) } else { Ok(values) }
}
