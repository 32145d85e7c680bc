//! Checks that the rounds which were dropped are a random part of all rounds. Evidence for dropping a round must know nothing of the
//! target; if it did, the remaining rounds would be a favourable selection.

use crate::measure::Arm;
use crate::measure::Blame;
use crate::measure::Pace;
use crate::measure::reason::{Problem, Selection};
use crate::measure::record::{RoundRecord, RoundStatus, StageRecord};
use crate::measure::trial::{Build, TrialRecord};
use harness_stats::{Estimate, Sample, fisher_exact};

/// Significance level at which shares of dropped trials differ.
const P: f64 = 0.01;
/// Tolerance of the median that includes the dropped rounds, relative to the one without them, and in nanoseconds: the accuracy that a
/// disturbed run must have.
const TOLERANCE: f64 = 0.10;
const TOLERANCE_NS: f64 = 10_000.0;

/// Returns why the valid rounds of a stage are a selection, if they are.
pub(super) fn flaw(stage: &StageRecord) -> Option<Problem> {
    let rounds: Vec<&RoundRecord> = stage
        .instances
        .iter()
        .flat_map(|instance| &instance.rounds)
        .filter(|round| matches!(round.status, RoundStatus::Valid | RoundStatus::Rejected))
        .collect();
    if rounds.iter().all(|round| round.status == RoundStatus::Valid) {
        return None;
    }
    let arms = unequal(&rounds, |trial| trial.arm == Arm::Direct, |trial| trial.arm == Arm::Proxied);
    let builds = || unequal(&rounds, |trial| trial.build == Build::Base, |trial| trial.build == Build::Head);
    let found = arms
        .map(|(one, other, p)| Selection::Arms { direct: one, proxied: other, p })
        .or_else(|| builds().map(|(one, other, p)| Selection::Builds { base: one, head: other, p }))
        .or_else(|| moved(stage, &rounds));
    found.map(Problem::Selection)
}

/// Returns the shares of two groups of trials that the host or the generator disturbed, and p, if they differ.
fn unequal(
    rounds: &[&RoundRecord],
    one: fn(&TrialRecord) -> bool,
    other: fn(&TrialRecord) -> bool,
) -> Option<(f64, f64, f64)> {
    let count = |group: fn(&TrialRecord) -> bool| {
        let trials = || rounds.iter().flat_map(|round| &round.trials).filter(|trial| group(trial));
        (trials().filter(|trial| is_disturbed(trial)).count() as u64, trials().count() as u64)
    };
    let ((disturbed, all), (disturbed_other, all_other)) = (count(one), count(other));
    if all == 0 || all_other == 0 {
        return None;
    }
    let p = fisher_exact([[disturbed, all - disturbed], [disturbed_other, all_other - disturbed_other]]);
    let share = |part: u64, of: u64| part as f64 / of as f64;
    (p < P).then(|| (share(disturbed, all), share(disturbed_other, all_other), p))
}

fn is_disturbed(trial: &TrialRecord) -> bool {
    trial.audit.iter().any(|check| matches!(check.blame, Some(Blame::Host | Blame::Generator | Blame::Upstream)))
}

/// Compares the median response time of the valid rounds with that of all rounds.
fn moved(stage: &StageRecord, rounds: &[&RoundRecord]) -> Option<Selection> {
    let Some(Pace::Open { .. }) = stage.offered else { return None };
    let valid = rounds.iter().filter(|round| round.status == RoundStatus::Valid).count();
    // A median of mostly disturbed rounds is that of the disturbance.
    if rounds.len() > 2 * valid {
        return None;
    }
    let value = |round: &&&RoundRecord| {
        let trial = round.trials.iter().find(|trial| trial.arm == Arm::Proxied && trial.build == Build::Head)?;
        trial.load.latencies.response.quantile(0.5).map(|span| span.0 as f64)
    };
    let estimate = |values: Vec<f64>| Some(Estimate::median(&Sample::new(values).ok()?));
    let valid = estimate(
        rounds.iter().filter(|round| round.status == RoundStatus::Valid).filter_map(|round| value(&round)).collect(),
    )?;
    let all = estimate(rounds.iter().filter_map(|round| value(&round)).collect())?.point;
    let interval = valid.interval?;
    let room = (TOLERANCE * valid.point).max(TOLERANCE_NS);
    let is_outside = all < interval.low - room || all > interval.high + room;
    is_outside.then_some(Selection::Moved { without_ns: valid.point as u64, with_ns: all as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Check;
    use crate::measure::audit::Found;
    use crate::measure::record::InstanceRecord;
    use harness_base::units::{Nanos, Rate};
    use harness_load::facts::LoadFacts;

    const OFFERED: Pace = Pace::Open { rate: Rate(1000.0), arrivals: harness_load::pace::Arrivals::Jittered };

    fn trial(arm: Arm, us: u64, disturbed: bool) -> TrialRecord {
        let mut load = LoadFacts::default();
        load.latencies.response.record(Nanos::from_micros(us));
        let check = Check::new(Found::Steal { share: 0.2, limit: 0.05 }, !disturbed, Blame::Host);
        TrialRecord { audit: vec![check], ..TrialRecord::new(arm, OFFERED, load) }
    }

    /// A stage of rounds with these response times, in microseconds, whose arms were disturbed or not.
    fn stage(rounds: Vec<(u64, bool, bool)>) -> StageRecord {
        let round = |(us, direct, proxied): (u64, bool, bool)| RoundRecord {
            index: 1,
            status: if direct || proxied { RoundStatus::Rejected } else { RoundStatus::Valid },
            trials: vec![trial(Arm::Direct, 100, direct), trial(Arm::Proxied, us, proxied)],
        };
        let instance = InstanceRecord { rounds: rounds.into_iter().map(round).collect(), ..InstanceRecord::default() };
        StageRecord { instances: vec![instance], offered: Some(OFFERED), ..StageRecord::default() }
    }

    fn rounds(valid: usize, direct: usize, proxied: usize, us: u64) -> StageRecord {
        let of = |n: usize, one: (u64, bool, bool)| std::iter::repeat_n(one, n);
        stage(
            of(valid, (300, false, false))
                .chain(of(direct, (us, true, false)))
                .chain(of(proxied, (us, false, true)))
                .collect(),
        )
    }

    #[test]
    fn rounds_dropped_on_both_arms_alike_are_no_selection() {
        assert_eq!(flaw(&rounds(100, 0, 0, 300)), None);
        assert_eq!(flaw(&rounds(100, 12, 15, 2_000)), None, "a third of the rounds does not move the median");
    }

    #[test]
    fn rounds_dropped_on_one_arm_are_a_selection() {
        let found = flaw(&rounds(100, 2, 20, 300));
        assert!(matches!(found, Some(Problem::Selection(Selection::Arms { .. }))), "{found:?}");
    }

    #[test]
    fn dropped_rounds_that_move_the_median_are_a_selection() {
        assert_eq!(flaw(&rounds(20, 11, 11, 400)), None, "more rounds were dropped than count");
        let found = flaw(&rounds(20, 10, 10, 400));
        let Some(Problem::Selection(Selection::Moved { without_ns, with_ns })) = found else { panic!("{found:?}") };
        assert!(without_ns.abs_diff(300_000) < 1_000 && with_ns > 340_000, "{without_ns} {with_ns}");
    }
}
