//! Defines the metrics of reloads.

use super::derive::{Seen, Unstable, all, unstable};
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{ERRORS, LATENCY};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::source::Source::Observed;
use crate::measure::metric::unit::Unit::{Millis, Percent};
use crate::measure::metric::values::error_percent;
use crate::measure::record::StageRecord;

pub(crate) const METRICS: &[Metric] = &[
    row("policy/reload_time", Millis, StageKind::Reload, &LATENCY, "Time from a trigger until the last connection of the load saw the new behaviour and no longer the old one, one value per reload. A connection that was closed sees it when its successor does.", |stage| per_reload(stage, |seen| seen.last_ns)).key().source(Observed)
        .req("M-POL-003", 100.0),
    row("reload/first", Millis, StageKind::Reload, &LATENCY, "The same until the first connection saw it.", |stage| per_reload(stage, |seen| seen.first_ns)).key(),
    row("errors/reload_percent", Percent, StageKind::Reload, &ERRORS, "Requests that were not answered as expected while the target was reloaded again and again ÷ all requests.", error_percent).exact(),
];

pub(crate) const FACTS: &[Fact] = &[];

/// Takes one value per reload; absent if one of them was not seen.
fn per_reload(stage: &StageRecord, of: impl Fn(&Seen) -> Option<u64>) -> Values {
    let seen = all(stage);
    if seen.is_empty() {
        return Err(Absent("no reload under a valid load".to_owned()));
    }
    match unstable(stage) {
        Unstable { before: 0, dropped: 0 } => {}
        Unstable { before, dropped } => {
            let changes = before + dropped;
            return Err(Absent(format!(
                "the observed value changed {changes} times without a reload: observe another one"
            )));
        }
    }
    let values: Option<Vec<f64>> = seen.iter().map(|seen| of(seen).map(|ns| ns as f64 / 1e6)).collect();
    values.ok_or_else(|| {
        let missed = seen.iter().filter(|seen| of(seen).is_none()).count();
        Absent(format!("{missed} of {} reloads were not seen by all connections before the next one", seen.len()))
    })
}
