//! Estimates how far another run on this machine can be from this one. The interval of a metric is its repeatability within this run; a
//! shared machine is faster or slower a minute later.

use super::context::Against;
use super::findings::depends_on_machine;
use super::judgement::Measured;
use crate::measure::Arm;
use crate::measure::record::{Record, References, StageRecord};
use harness_stats::{Estimate, Interval, Sample, deviation};

/// Relative scatter of times and rates between runs, if no history says more.
const SCATTER: f64 = 0.10;
/// Number of stored runs from which their scatter is known.
const HISTORY: usize = 5;
/// Standard deviations that contain 95 %.
const WIDTH: f64 = 2.0;

/// Adds the interval to every metric that depends on the speed of the machine.
pub(super) fn add(metrics: &mut [Measured], record: &Record, against: Option<&Against>) {
    for metric in metrics.iter_mut().filter(|metric| depends_on_machine(metric)) {
        let stage = record.stages.iter().find(|stage| stage.name == metric.stage);
        let scatter = history(metric, against).unwrap_or_else(|| {
            let drift = stage.and_then(drift).unwrap_or(0.0);
            drift.max(record.reference.map_or(0.0, |reference| change(&reference))).max(SCATTER)
        });
        metric.between_runs = metric.estimate().and_then(|estimate| widened(estimate, scatter));
    }
}

/// Adds a relative scatter between runs to the interval of a run, as independent errors.
fn widened(estimate: &Estimate, scatter: f64) -> Option<Interval> {
    let ends = estimate.interval?;
    let more = WIDTH * scatter * estimate.point.abs();
    let below = (estimate.point - ends.low).hypot(more);
    let above = (ends.high - estimate.point).hypot(more);
    Some(Interval { low: estimate.point - below, high: estimate.point + above, ..ends })
}

/// Returns the relative scatter of the stored runs of this machine, if there are enough.
fn history(metric: &Measured, against: Option<&Against>) -> Option<f64> {
    let against = against.filter(|against| against.elsewhere.is_none() && against.caps.is_empty())?;
    let past = against
        .metrics
        .iter()
        .find(|past| past.id == metric.id && past.source == metric.source && past.history.len() >= HISTORY)?;
    relative(&past.history)
}

/// Returns the relative scatter between runs that follows from that of the direct arm between the instances of this run: the difference of
/// two means of k instances has √(2 ÷ k) times their deviation. In 20 runs of 48 s within 17 minutes on a shared machine, instances scattered
/// by 26 % and runs by 8 to 15 %.
fn drift(stage: &StageRecord) -> Option<f64> {
    let of = |instance: &crate::measure::InstanceRecord| {
        let medians = instance.valid_rounds().filter_map(|round| {
            let latencies = &round.trial(Arm::Direct)?.load.latencies;
            Some(latencies.response.quantile(0.5)?.0 as f64)
        });
        Some(Estimate::median(&Sample::new(medians.collect()).ok()?).point)
    };
    let medians: Vec<f64> = stage.instances.iter().filter_map(of).collect();
    relative(&medians).map(|scatter| scatter * (2.0 / medians.len() as f64).sqrt())
}

fn relative(values: &[f64]) -> Option<f64> {
    let sample = Sample::new(values.to_vec()).ok()?;
    let middle = Estimate::median(&sample).point;
    (middle > 0.0).then(|| deviation(&sample).map(|deviation| deviation / middle).ok())?
}

/// Returns the relative change of the calibration of the CPU over the run. That of wake-ups scatters by 16 % on a machine that does not
/// change, so it says nothing here.
fn change(reference: &References) -> f64 {
    let Some(after) = reference.after else { return 0.0 };
    (reference.before.cpu_ns as f64 / after.cpu_ns.max(1) as f64).ln().abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Reference;

    #[test]
    fn errors_within_and_between_runs_are_added_as_independent_ones() {
        let estimate =
            Estimate { point: 100.0, interval: Some(Interval { low: 85.0, high: 115.0, coverage: 0.95 }), n: 10 };
        let ends = widened(&estimate, 0.10).unwrap();
        assert_eq!((ends.low, ends.high), (75.0, 125.0));
        assert_eq!(widened(&Estimate { interval: None, ..estimate }, 0.1), None);
    }

    #[test]
    fn a_machine_that_changed_during_the_run_scatters_more() {
        let one = Reference { cpu_ns: 100, memory_ns: 100, wakeup_ns: 100 };
        let changed = References { before: one, after: Some(Reference { cpu_ns: 130, ..one }) };
        assert!((change(&changed) - 1.3_f64.ln()).abs() < 1e-12);
        assert_eq!(change(&References { before: one, after: None }), 0.0);
        assert!((relative(&[90.0, 100.0, 110.0]).unwrap() - 0.1).abs() < 1e-12);
    }
}
