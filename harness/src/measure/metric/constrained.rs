//! Values that only a target inside limits has.

use super::Absent;
use super::rows::{Values, proxied};
use crate::measure::record::StageRecord;
use crate::measure::trial::TrialRecord;

const NO_ACCOUNT: &str = "the control group of the target could not be read";

pub(super) fn peak(stage: &StageRecord) -> Values {
    proxied(stage, NO_ACCOUNT, |trial| trial.readings.group_peak().map(|bytes| bytes as f64))
}

pub(super) fn cpu(stage: &StageRecord) -> Values {
    proxied(stage, NO_ACCOUNT, |trial| Some(trial.readings.group_delta()?.cpus()? * 100.0))
}

pub(super) fn cpu_per_request(stage: &StageRecord) -> Values {
    proxied(stage, NO_ACCOUNT, |trial| {
        let completed = trial.load.completed_in_window;
        (completed > 0).then_some(trial.readings.group_delta()?.cpu_ns? as f64 / 1e3 / completed as f64)
    })
}

pub(super) fn throttled_periods(stage: &StageRecord) -> Values {
    with_cpu_limit(stage, |trial| {
        let used = trial.readings.group_delta()?;
        // Without a period there was no work to hold back.
        if used.periods == Some(0) { Some(0.0) } else { Some(used.throttled_share()? * 100.0) }
    })
}

pub(super) fn throttled_time(stage: &StageRecord) -> Values {
    with_cpu_limit(stage, |trial| Some(trial.readings.group_delta()?.throttled_time()? * 100.0))
}

fn with_cpu_limit(stage: &StageRecord, of: impl Fn(&TrialRecord) -> Option<f64>) -> Values {
    if stage.limits.is_none_or(|limits| limits.cpus.is_none()) {
        return Err(Absent("the stage limits no CPU, so nothing can be throttled".to_owned()));
    }
    proxied(stage, NO_ACCOUNT, of)
}
