//! Compares the direct arms of two builds. No build is on that way, so a difference is the instrument's: a blank value.

use crate::measure::Arm;
use crate::measure::Pace;
use crate::measure::reason::Problem;
use crate::measure::record::StageRecord;
use crate::measure::trial::Build;
use harness_stats::{Estimate, Sample, above_zero};

/// Largest difference of the medians that is tolerated, in nanoseconds.
const LARGEST_NS: f64 = 10_000.0;
const P: f64 = 0.001;

/// Returns the difference of the direct arms in an open loop, if there is one.
pub(super) fn flaw(stage: &StageRecord) -> Option<Problem> {
    let Some(Pace::Open { .. }) = stage.offered else { return None };
    let of = |build: Build| -> Vec<f64> {
        let instances = stage.instances.iter().filter(|instance| instance.build == build);
        let rounds = instances.flat_map(|instance| instance.valid_rounds());
        let median = rounds.filter_map(|round| round.trial(Arm::Direct)?.load.latencies.response.quantile(0.5));
        median.map(|span| span.0 as f64).collect()
    };
    let (base, head) = (of(Build::Base), of(Build::Head));
    if base.is_empty() || base.len() != head.len() {
        return None;
    }
    let differences: Vec<f64> = base.iter().zip(&head).map(|(base, head)| head - base).collect();
    let turned = Sample::new(differences.iter().map(|difference| -difference).collect()).ok()?;
    let differences = Sample::new(differences).ok()?;
    let difference = Estimate::median(&differences).point;
    let p = (2.0 * above_zero(&differences).min(above_zero(&turned))).min(1.0);
    let middle = |values: Vec<f64>| Some(Estimate::median(&Sample::new(values).ok()?).point as u64);
    (difference.abs() > LARGEST_NS && p < P)
        .then(|| Some(Problem::Blank { base_ns: middle(base)?, head_ns: middle(head)?, p }))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::record::{InstanceRecord, RoundRecord, RoundStatus};
    use crate::measure::trial::TrialRecord;
    use harness_base::units::{Nanos, Rate};
    use harness_load::facts::LoadFacts;
    use harness_rig::usage::Series;

    const OFFERED: Pace = Pace::Open { rate: Rate(1000.0), arrivals: harness_load::pace::Arrivals::Jittered };

    fn instance(build: Build, us: impl Fn(u64) -> u64) -> InstanceRecord {
        let round = |index: u32| {
            let mut load = LoadFacts::default();
            load.latencies.response.record(Nanos::from_micros(us(index.into())));
            let trial = TrialRecord {
                arm: Arm::Direct,
                build,
                offered: OFFERED,
                connections: 1,
                load,
                ledger: None,
                readings: Series::default(),
                peak_rss_bytes: None,
                target_cpus: None,
                target_threads: None,
                audit: Vec::new(),
                tags: Vec::new(),
            };
            RoundRecord { index, status: RoundStatus::Valid, trials: vec![trial] }
        };
        InstanceRecord { build, rounds: (0..20).map(round).collect(), ..InstanceRecord::default() }
    }

    fn of(base: impl Fn(u64) -> u64, head: impl Fn(u64) -> u64) -> Option<Problem> {
        let instances = vec![instance(Build::Base, base), instance(Build::Head, head)];
        flaw(&StageRecord { instances, offered: Some(OFFERED), ..StageRecord::default() })
    }

    #[test]
    fn direct_arms_that_differ_are_a_flaw_and_those_that_scatter_are_not() {
        assert_eq!(of(|n| 200 + n, |n| 205 + n), None, "5 µs");
        assert_eq!(of(|n| 200 + n % 2 * 40, |n| 240 - n % 2 * 40), None, "as often more as less");
        let found = of(|n| 200 + n, |n| 220 + n);
        assert!(matches!(found, Some(Problem::Blank { p, .. }) if p < 0.001), "{found:?}");
        assert_eq!(of(|n| 200 + n, |n| 200 + n), None);
    }
}
