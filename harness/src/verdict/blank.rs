//! Compares the direct arms of two builds. No build is on that way, so a difference is the instrument's: a blank value.

use crate::measure::Arm;
use crate::measure::Pace;
use crate::measure::reason::Problem;
use crate::measure::record::{InstanceRecord, StageRecord};
use crate::measure::trial::Build;
use harness_stats::{Estimate, FEWEST_UNITS, Sample, differs_from_zero, interquartile_mean};

/// Largest difference of the means that is tolerated, in nanoseconds.
const LARGEST_NS: f64 = 10_000.0;
const P: f64 = 0.001;

/// Returns the difference of the direct arms in an open loop, if there is one. The units are pairs of instances, because upstream and
/// generator are fresh in each; fewer than five pairs show nothing.
pub(super) fn flaw(stage: &StageRecord) -> Option<Problem> {
    let Some(Pace::Open { .. }) = stage.offered else { return None };
    let of = |build: Build| -> Option<Vec<f64>> {
        stage.instances.iter().filter(|instance| instance.build == build).map(direct).collect()
    };
    let (base, head) = (of(Build::Base)?, of(Build::Head)?);
    if base.len() < FEWEST_UNITS || base.len() != head.len() {
        return None;
    }
    let differences = Sample::new(base.iter().zip(&head).map(|(base, head)| head - base).collect()).ok()?;
    let difference = Estimate::mean(&differences).ok()?.point;
    let p = differs_from_zero(&differences).ok()?;
    let mean = |values: Vec<f64>| Some(Estimate::mean(&Sample::new(values).ok()?).ok()?.point as u64);
    let (base_ns, head_ns) = (mean(base)?, mean(head)?);
    (difference.abs() > LARGEST_NS && p < P).then_some(Problem::Blank { base_ns, head_ns, p })
}

/// Returns the mean of the middle half of the medians of the direct arm, in nanoseconds.
fn direct(instance: &InstanceRecord) -> Option<f64> {
    let medians = instance.valid_rounds().filter_map(|round| {
        let latencies = &round.trial(Arm::Direct)?.load.latencies;
        Some(latencies.response.quantile(0.5)?.0 as f64)
    });
    Some(interquartile_mean(&Sample::new(medians.collect()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::record::{RoundRecord, RoundStatus};
    use crate::measure::trial::TrialRecord;
    use harness_base::units::{Nanos, Rate};
    use harness_load::facts::LoadFacts;

    const OFFERED: Pace = Pace::Open { rate: Rate(1000.0), arrivals: harness_load::pace::Arrivals::Jittered };

    /// An instance whose rounds have this median, in microseconds.
    fn instance(build: Build, us: u64) -> InstanceRecord {
        let round = |index: u32| {
            let mut load = LoadFacts::default();
            load.latencies.response.record(Nanos::from_micros(us));
            let trial = TrialRecord { build, ..TrialRecord::new(Arm::Direct, OFFERED, load) };
            RoundRecord { index, status: RoundStatus::Valid, trials: vec![trial] }
        };
        InstanceRecord { build, rounds: (0..3).map(round).collect(), ..InstanceRecord::default() }
    }

    fn of(pairs: u64, base: impl Fn(u64) -> u64, head: impl Fn(u64) -> u64) -> Option<Problem> {
        let pair = |n| [instance(Build::Base, base(n)), instance(Build::Head, head(n))];
        let instances = (0..pairs).flat_map(pair).collect();
        flaw(&StageRecord { instances, offered: Some(OFFERED), ..StageRecord::default() })
    }

    #[test]
    fn direct_arms_that_differ_are_a_flaw_and_those_that_scatter_are_not() {
        assert_eq!(of(10, |n| 200 + n, |n| 205 + n), None, "5 µs");
        assert_eq!(of(10, |n| 200 + n % 2 * 40, |n| 240 - n % 2 * 40), None, "as often more as less");
        assert_eq!(of(10, |n| 200 + n % 3 * 30, |n| 215 + n * 7 % 5 * 10), None, "instances that scatter");
        let found = of(10, |n| 200 + n, |n| 220 + n % 3);
        assert!(matches!(found, Some(Problem::Blank { p, .. }) if p < 0.001), "{found:?}");
        assert_eq!(of(4, |n| 200 + n, |n| 220 + n % 3), None, "four pairs");
    }
}
