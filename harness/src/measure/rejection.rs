//! Summarises why rounds of a stage were rejected.

use super::audit::{Check, by_rule};
use super::reason::Rejection;
use super::record::{RoundRecord, StageRecord};
use harness_load::facts::Arm;

/// Returns the rules that rejected rounds, most frequent first; ties are in the order in which the audit applies them.
pub fn rejections(stage: &StageRecord) -> Vec<Rejection> {
    let of = (stage.valid_rounds().count() + stage.rejected_rounds().count()) as u64;
    let mut found = by_rule(stage.rejected_rounds().flat_map(failed_rules));
    found.sort_by_key(|(_, rounds)| (std::cmp::Reverse(rounds.len()), rounds.first().map(|(place, _)| *place)));
    let rejection = |(check, rounds): (&Check, Vec<(usize, Option<Arm>)>)| Rejection {
        check: check.clone(),
        rounds: rounds.len() as u64,
        of,
        arm: only(rounds.into_iter().map(|(_, arm)| arm)),
    };
    found.into_iter().map(rejection).collect()
}

/// Returns each rule that a round violates once: the first check, its place in the audit, and the arm if it is only one. If both
/// arms violate it, the check of the direct arm is returned, because the target did not cause that.
fn failed_rules(round: &RoundRecord) -> impl Iterator<Item = (&Check, (usize, Option<Arm>))> {
    let failed = round.trials.iter().flat_map(|trial| {
        let failed = trial.audit.iter().enumerate().filter(|(_, check)| !check.passed);
        failed.map(|(place, check)| (check, (trial.arm, place, check)))
    });
    by_rule(failed).into_iter().filter_map(|(_, of_rule)| {
        let (_, place, check) = of_rule.iter().find(|(arm, ..)| *arm == Arm::Direct).or(of_rule.first())?;
        Some((*check, (*place, only(of_rule.iter().map(|(arm, ..)| Some(*arm))))))
    })
}

/// Returns the arm that all of these are.
fn only(mut arms: impl Iterator<Item = Option<Arm>>) -> Option<Arm> {
    let first = arms.next()?;
    arms.all(|arm| arm == first).then_some(first)?
}

#[cfg(test)]
mod tests {
    use super::super::audit::{Blame, Found};
    use super::super::record::{InstanceRecord, RoundStatus};
    use super::super::trial::TrialRecord;
    use super::*;
    use harness_base::units::Rate;
    use harness_load::facts::LoadFacts;
    use harness_load::pace::Pace;

    const LIMIT_NS: u64 = 1_000_000;

    fn lag(ns: u64) -> Check {
        Check::new(
            Found::PacerLag { quantile: Some(0.99), lag_ns: Some(ns), limit_ns: LIMIT_NS },
            false,
            Blame::Generator,
        )
    }

    fn achieved(blame: Blame) -> Check {
        Check::new(Found::Achieved { share: 0.099, rate: Rate(1000.0), limit: 0.99 }, false, blame)
    }

    fn reasons(stage: &StageRecord) -> Vec<String> {
        rejections(stage).iter().map(ToString::to_string).collect()
    }

    fn trial(arm: Arm, audit: Vec<Check>) -> TrialRecord {
        TrialRecord { audit, ..TrialRecord::new(arm, Pace::Closed { vus: 1 }, LoadFacts::default()) }
    }

    fn stage(rounds: Vec<(RoundStatus, Vec<TrialRecord>)>) -> StageRecord {
        let rounds = (0..).zip(rounds).map(|(index, (status, trials))| RoundRecord { index, status, trials });
        let instance = InstanceRecord { rounds: rounds.collect(), ..InstanceRecord::default() };
        StageRecord { instances: vec![instance], ..StageRecord::default() }
    }

    #[test]
    fn each_rule_stands_once_and_the_most_frequent_first() {
        let late = |ns| trial(Arm::Proxied, vec![lag(ns)]);
        let steal = Check::new(Found::Steal { share: 0.06, limit: 0.05 }, false, Blame::Host);
        let stage = stage(vec![
            (RoundStatus::Rejected, vec![trial(Arm::Direct, vec![steal])]),
            (RoundStatus::Rejected, vec![late(3_100_000)]),
            (RoundStatus::Rejected, vec![late(9_100_000)]),
            (RoundStatus::Valid, vec![]),
            (RoundStatus::WarmUp, vec![late(1)]),
        ]);
        let hint = "the generator woke up late: use a quieter host, a lower `rate`, or a `cpuset` of its own";
        let steal = "the hypervisor gave CPU time to other guests: repeat later or on another host";
        assert_eq!(
            reasons(&stage),
            [
                format!("2 of 4 rounds rejected: pacer lag p99 3.10 ms, limit 1.00 ms (proxied arm); {hint}"),
                format!("1 of 4 rounds rejected: 6.00 % of CPU time stolen, limit 5.00 % (direct arm); {steal}"),
            ]
        );
    }

    #[test]
    fn the_target_is_not_blamed_for_what_fails_without_it() {
        let round = |order: [Arm; 2]| {
            let blame = |arm| if arm == Arm::Direct { Blame::Upstream } else { Blame::Target };
            let trials = order.map(|arm| trial(arm, vec![achieved(blame(arm))]));
            (RoundStatus::Rejected, trials.to_vec())
        };
        for order in [[Arm::Proxied, Arm::Direct], [Arm::Direct, Arm::Proxied]] {
            let found = rejections(&stage(vec![round(order)]));
            assert_eq!((found.len(), found[0].check.blame, found[0].arm), (1, Some(Blame::Upstream), None));
        }
    }

    #[test]
    fn a_rule_that_broke_every_round_on_both_arms_counts_no_rounds() {
        let both = || {
            let unsent = Check::new(Found::Unsent { unsent: 901, limit: 0 }, false, Blame::Generator);
            let audit = || vec![achieved(Blame::Generator), unsent.clone()];
            vec![trial(Arm::Direct, audit()), trial(Arm::Proxied, audit())]
        };
        let stage = stage(vec![(RoundStatus::Rejected, both()), (RoundStatus::Rejected, both())]);
        assert_eq!(
            reasons(&stage),
            [
                "9.90 % of the offered 1,000/s was answered: the generator cannot offer this rate on this host; \
                 lower `rate`, or run on a host with more CPUs",
                "901 unsent, limit 0; lower `rate`, or run on a host with more CPUs"
            ]
        );
    }
}
