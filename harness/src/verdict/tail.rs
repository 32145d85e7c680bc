//! Estimates far quantiles with the long window of the last instance, which sees what happens late or seldom.

use crate::measure::metric::Absent;
use crate::measure::metric::row::Pooled;
use crate::measure::metric::values::{NO_ANSWER, response_of};
use crate::measure::record::StageRecord;
use harness_base::units::Nanos;
use harness_stats::{Counts, Estimate, Interval, pooled_quantile};

/// Milliseconds in a nanosecond.
pub(super) const MS: f64 = 1e-6;
/// Factor from which a quantile of the long window is another one than that of the short rounds. Instances differ by a few percent.
const LARGER: f64 = 1.25;

/// Returns the quantile of parts, in milliseconds.
pub(super) fn pooled_estimate(counts: &[Counts], q: f64) -> Result<Estimate, Absent> {
    pooled_quantile(counts, q).map(|estimate| estimate.scaled(MS)).map_err(|_| Absent(NO_ANSWER.to_owned()))
}

/// Returns the quantile of the long window if it is clearly larger than that of the rounds, `short`, otherwise that of the rounds with
/// an interval that includes it.
pub(super) fn longer(stage: &StageRecord, pooled: &Pooled, short: Estimate) -> Estimate {
    of_window(stage, pooled).map_or(short, |long| joined(short, long))
}

/// The same for a quantile less that of the direct arm, which `direct` returns.
pub(super) fn longer_difference(
    stage: &StageRecord,
    pooled: &Pooled,
    short: Estimate,
    direct: impl FnOnce() -> Result<Estimate, Absent>,
) -> Estimate {
    let long = || Some(less(&of_window(stage, pooled)?, &direct().ok()?));
    long().map_or(short, |long| joined(short, long))
}

/// Returns how old the target was at most when a request was counted.
pub(super) fn oldest(stage: &StageRecord) -> Option<Nanos> {
    let long = stage.tail().map(|(instance, trial)| (instance.launch.spawned, &trial.load));
    let short = stage.instances.iter().filter_map(|instance| {
        let trial = instance.valid_rounds().last()?.trials.last()?;
        Some((instance.launch.spawned, &trial.load))
    });
    let age = |(spawned, load): (harness_base::clock::Mono, &crate::measure::LoadFacts)| {
        (spawned.0 > 0).then(|| load.window_start.after(Nanos(load.window_ns)).since(spawned))
    };
    long.into_iter().chain(short).filter_map(age).max()
}

/// Returns the quantile of the long window, whose blocks are the units of the interval.
fn of_window(stage: &StageRecord, pooled: &Pooled) -> Option<Estimate> {
    let (_, trial) = stage.tail()?;
    // Only response times are recorded by block.
    if !std::ptr::eq((pooled.histogram)(trial), response_of(trial)) {
        return None;
    }
    let counts = |block: &crate::measure::LatencyHistogram| {
        let mut counts = Counts::default();
        counts.add(block.steps());
        counts
    };
    let blocks: Vec<Counts> = trial.load.blocks.iter().map(counts).collect();
    pooled_estimate(&blocks, pooled.q).ok()
}

fn joined(short: Estimate, long: Estimate) -> Estimate {
    let top = short.interval.map_or(short.point, |ends| ends.high);
    if long.point > top && long.point > LARGER * short.point {
        return Estimate { n: short.n, ..long };
    }
    let high = long.interval.map_or(long.point, |ends| ends.high);
    // A single pause moves the upper end of the window far beyond its point; that is what the claim must know.
    let widened = |ends: Interval| Interval {
        high: if long.point > LARGER * short.point { ends.high.max(high) } else { ends.high },
        ..ends
    };
    Estimate { interval: short.interval.map(widened), ..short }
}

/// Subtracts two independent estimates; the interval covers both of theirs.
fn less(one: &Estimate, other: &Estimate) -> Estimate {
    let ends =
        |estimate: &Estimate| estimate.interval.map_or((estimate.point, estimate.point), |ends| (ends.low, ends.high));
    let ((low, high), (other_low, other_high)) = (ends(one), ends(other));
    let interval = one.interval.map(|interval| Interval { low: low - other_high, high: high - other_low, ..interval });
    Estimate { point: one.point - other.point, interval, n: one.n }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(point: f64, low: f64, high: f64) -> Estimate {
        Estimate { point, interval: Some(Interval { low, high, coverage: 0.95 }), n: 10 }
    }

    #[test]
    fn a_clearly_larger_quantile_of_the_long_window_replaces_that_of_the_rounds() {
        let short = estimate(0.21, 0.20, 0.22);
        let paused = joined(short, Estimate { n: 12, ..estimate(200.0, 0.3, 400.0) });
        assert_eq!(
            (paused.point, paused.interval.map(|ends| (ends.low, ends.high)), paused.n),
            (200.0, Some((0.3, 400.0)), 10)
        );
        assert_eq!(joined(short, estimate(0.23, 0.21, 0.25)), short);
        assert_eq!(joined(short, estimate(0.20, 0.19, 0.21)), short);
    }

    #[test]
    fn a_difference_covers_both_intervals() {
        let found = less(&estimate(5.0, 4.0, 7.0), &estimate(1.0, 0.5, 1.5));
        assert_eq!((found.point, found.interval.map(|ends| (ends.low, ends.high))), (4.0, Some((2.5, 6.5))));
    }
}
