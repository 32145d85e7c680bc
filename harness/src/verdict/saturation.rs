//! Checks that the target was below saturation. Near it, latency is queueing; a target that is busy in bursts is not near it.

use crate::measure::Arm;
use crate::measure::audit::{Check, Rule};
use crate::measure::reason::{Problem, Reason, Rejection, Scope};
use crate::measure::record::StageRecord;
use crate::measure::trial::{Build, TrialRecord};

/// Returns for each build why its latencies are those of a saturated target: it used too much of its CPUs in most valid rounds. A rate
/// that it did not answer is reported instead.
pub(super) fn reasons(stage: &StageRecord) -> Vec<Reason> {
    let is_compared = stage.instances.iter().any(|instance| instance.build == Build::Base);
    let builds = if is_compared { &[Build::Base, Build::Head][..] } else { &[Build::Head] };
    let of = |build: &Build| {
        let reason = Reason::from(Problem::Rejected(saturated(stage, *build)?));
        Some(if is_compared { reason.within(Scope::Build { build: *build, program: None }) } else { reason })
    };
    builds.iter().filter_map(of).collect()
}

fn saturated(stage: &StageRecord, build: Build) -> Option<Rejection> {
    let rounds = stage.valid_rounds().flat_map(|round| &round.trials);
    let trials: Vec<&TrialRecord> = rounds.filter(|trial| trial.arm == Arm::Proxied && trial.build == build).collect();
    let found: Vec<&Check> = trials.iter().filter_map(|trial| broken(trial)).collect();
    let (rounds, of) = (found.len() as u64, trials.len() as u64);
    let check = (*found.first()?).clone();
    (2 * rounds > of).then_some(Rejection { check, rounds, of, arm: Some(Arm::Proxied) })
}

/// Returns the rule about the CPUs of the target, if it does not hold and the rate was answered.
fn broken(trial: &TrialRecord) -> Option<&Check> {
    let failed = |rule: Rule| trial.audit.iter().find(|check| !check.passed && check.rule() == rule);
    failed(Rule::TargetCpu).filter(|_| failed(Rule::Achieved).is_none() && failed(Rule::Unsent).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Blame;
    use crate::measure::audit::Found;
    use crate::measure::record::{InstanceRecord, RoundRecord, RoundStatus};
    use harness_base::units::Rate;
    use harness_load::facts::LoadFacts;
    use harness_load::pace::{Arrivals, Pace};

    fn stage(busy: usize, of: usize) -> StageRecord {
        let round = |index: usize| {
            let (share, limit) = (if index < busy { 0.7 } else { 0.3 }, 0.6);
            let check = Check::new(Found::TargetCpu { share, cpus: 2.0, limit }, share <= limit, Blame::Target);
            let offered = Pace::Open { rate: Rate(1000.0), arrivals: Arrivals::Jittered };
            let trial =
                TrialRecord { audit: vec![check], ..TrialRecord::new(Arm::Proxied, offered, LoadFacts::default()) };
            RoundRecord { index: 1, status: RoundStatus::Valid, trials: vec![trial] }
        };
        let instance = InstanceRecord { rounds: (0..of).map(round).collect(), ..InstanceRecord::default() };
        StageRecord { instances: vec![instance], ..StageRecord::default() }
    }

    #[test]
    fn a_target_that_is_busy_in_most_rounds_is_saturated_and_one_with_bursts_is_not() {
        assert_eq!(reasons(&stage(0, 10)), []);
        assert_eq!(reasons(&stage(5, 10)), []);
        let found = reasons(&stage(6, 10));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].to_string().starts_with("6 of 10 rounds rejected: target used 70.0 % of 2.00 CPUs"),
            "{}",
            found[0]
        );
        assert_eq!(found[0].blame(), Some(Blame::Target));
    }
}
