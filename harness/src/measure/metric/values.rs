//! Takes values that several kinds of stages share from a record.

use super::row::{Absent, Values};
use crate::measure::record::{InstanceRecord, RoundRecord, StageRecord};
use crate::measure::trial::TrialRecord;
use harness_load::facts::Arm;
use harness_load::latency::LatencyHistogram;
use harness_load::outcome::Outcomes;
use harness_load::pace::Pace;

/// Why values of the target's control group are absent.
pub(crate) const NO_ACCOUNT: &str = "the control group of the target could not be read";

pub(crate) const NO_ANSWER: &str = "no valid round with a valid answer";

/// Takes one value per launch; absent if one launch has none.
pub(crate) fn per_launch(stage: &StageRecord, why: &str, of: impl Fn(&InstanceRecord) -> Option<f64>) -> Values {
    let values: Option<Vec<f64>> = stage.counted_launches().map(of).collect();
    values.filter(|values| !values.is_empty()).ok_or_else(|| Absent(why.to_owned()))
}

/// Returns the share of requests that failed, in percent, over the outcomes of all launches: one value.
pub(crate) fn failed_percent<'o>(launches: impl Iterator<Item = &'o Outcomes>) -> Values {
    let mut all = Outcomes::default();
    launches.for_each(|outcomes| all.merge(outcomes));
    match all.total() {
        0 => Err(Absent("no request was sent".to_owned())),
        requests => Ok(vec![all.errors() as f64 / requests as f64 * 100.0]),
    }
}

/// Takes one value per valid round; absent if one round has none.
pub(crate) fn per_round(stage: &StageRecord, why: &str, of: impl Fn(&RoundRecord) -> Option<f64>) -> Values {
    let values: Option<Vec<f64>> = stage.valid_rounds().map(of).collect();
    values.filter(|values| !values.is_empty()).ok_or_else(|| Absent(why.to_owned()))
}

pub(crate) fn quantile_ms(histogram: &LatencyHistogram, quantile: f64) -> Option<f64> {
    histogram.quantile(quantile).map(|span| span.as_millis_f64())
}

pub(crate) fn response_ms(trial: &TrialRecord, q: f64) -> Option<f64> {
    quantile_ms(&trial.load.latencies.response, q)
}

pub(crate) fn service_ms(trial: &TrialRecord, q: f64) -> Option<f64> {
    quantile_ms(&trial.load.latencies.service, q)
}

/// Takes one value per valid round, from its proxied trial.
pub(crate) fn proxied(stage: &StageRecord, why: &str, of: impl Fn(&TrialRecord) -> Option<f64>) -> Values {
    per_round(stage, why, |round| of(round.trial(Arm::Proxied)?))
}

/// Returns the share of errors among the requests of all valid rounds, in percent: one value, because the median of the rounds hides
/// errors in a few of them.
pub(crate) fn error_percent(stage: &StageRecord) -> Values {
    let trials = || stage.valid_rounds().filter_map(|round| round.trial(Arm::Proxied));
    let sum = |of: fn(&TrialRecord) -> u64| trials().map(of).sum::<u64>() as f64;
    let scheduled = sum(|trial| trial.load.scheduled);
    let share = (scheduled > 0.0).then(|| sum(|trial| trial.load.own_errors()) / scheduled * 100.0);
    share.map(|share| vec![share]).ok_or_else(|| Absent("no valid round with a request".to_owned()))
}

pub(crate) const fn response_of(trial: &TrialRecord) -> &LatencyHistogram {
    &trial.load.latencies.response
}

pub(crate) const fn service_of(trial: &TrialRecord) -> &LatencyHistogram {
    &trial.load.latencies.service
}

pub(crate) const fn ttfb_of(trial: &TrialRecord) -> &LatencyHistogram {
    &trial.load.latencies.ttfb
}

pub(crate) fn response(stage: &StageRecord, q: f64) -> Values {
    proxied(stage, NO_ANSWER, |trial| response_ms(trial, q))
}

pub(crate) fn service(stage: &StageRecord, q: f64) -> Values {
    proxied(stage, NO_ANSWER, |trial| service_ms(trial, q))
}

pub(crate) fn load_rss(stage: &StageRecord) -> Values {
    proxied(stage, "memory of the target could not be read", |trial| median_bytes(trial.readings.target_memory()))
}

/// Takes the growth of the target per valid round: its largest memory in the window of the proxied arm − that of the idle instance.
pub(crate) fn memory_growth(stage: &StageRecord, idle: impl Fn(&InstanceRecord) -> Option<u64>) -> Values {
    let of = |instance: &InstanceRecord, round: &RoundRecord| {
        let trial = round.trial(Arm::Proxied)?;
        let peak = trial.peak_rss_bytes.into_iter().chain(trial.readings.target_memory()).max()?;
        Some(peak.saturating_sub(idle(instance)?) as f64)
    };
    let rounds =
        |instance: &InstanceRecord| instance.valid_rounds().map(|round| of(instance, round)).collect::<Vec<_>>();
    let values: Option<Vec<f64>> = stage.instances.iter().flat_map(rounds).collect();
    let values = values.filter(|values| !values.is_empty());
    values.ok_or_else(|| Absent("memory of the target could not be read".to_owned()))
}

pub(crate) fn rps(stage: &StageRecord) -> Values {
    proxied(stage, "no valid round", TrialRecord::rps)
}

/// Why an open loop has no throughput.
pub(crate) const RATE_GIVEN: &str = "the rate was given, so it is no result; see the achieved share of it";

const NO_RATE: &str = "a closed loop has no rate that could be missed";

/// Takes the throughput of a closed loop.
pub(crate) fn closed_rps(stage: &StageRecord, of: impl Fn(&StageRecord) -> Values) -> Values {
    match stage.offered {
        Some(Pace::Open { .. }) => Err(Absent(RATE_GIVEN.to_owned())),
        _ => of(stage),
    }
}

/// Returns the rate of an open loop.
///
/// # Errors
/// Returns [`Absent`] for a closed loop.
pub(crate) fn offered_rate(stage: &StageRecord) -> Result<f64, Absent> {
    match stage.offered {
        Some(Pace::Open { rate, .. }) => Ok(rate.0),
        _ => Err(Absent(NO_RATE.to_owned())),
    }
}

/// Takes the share of the requests due in a window that is the number of valid responses completed in it, in percent.
pub(crate) fn achieved_percent(stage: &StageRecord) -> Values {
    offered_rate(stage)?;
    proxied(stage, "no valid round", |trial| {
        let scheduled = trial.load.scheduled;
        (scheduled > 0).then(|| trial.load.completed_in_window as f64 / scheduled as f64 * 100.0)
    })
}

/// Returns the lower median, so that the result is an actual reading.
pub(crate) fn median_bytes(mut bytes: Vec<u64>) -> Option<f64> {
    bytes.sort_unstable();
    bytes.get(bytes.len().checked_sub(1)? / 2).map(|middle| *middle as f64)
}

pub(crate) fn peak(stage: &StageRecord) -> Values {
    proxied(stage, NO_ACCOUNT, |trial| trial.readings.group_peak().map(|bytes| bytes as f64))
}

pub(crate) fn throttled_periods(stage: &StageRecord) -> Values {
    with_cpu_limit(stage, |trial| {
        let used = trial.readings.group_delta()?;
        // Without a period, there was no work to throttle.
        if used.periods == Some(0) { Some(0.0) } else { Some(used.throttled_share()? * 100.0) }
    })
}

pub(crate) fn with_cpu_limit(stage: &StageRecord, of: impl Fn(&TrialRecord) -> Option<f64>) -> Values {
    if stage.limits.is_none_or(|limits| limits.cpus.is_none()) {
        return Err(Absent("the stage limits no CPU, so nothing can be throttled".to_owned()));
    }
    proxied(stage, NO_ACCOUNT, of)
}
