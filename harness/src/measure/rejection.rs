//! Why rounds of a stage were rejected: the failed rules of the audit, told once each.

use super::audit::Check;
use super::record::{RoundRecord, StageRecord};
use harness_load::facts::Arm;

/// One rule that rejected rounds of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Name of the rule, as under `[audit]`.
    pub rule: String,
    /// Rounds it rejected. A round that breaks two rules counts under both.
    pub rounds: u64,
    /// Valid and rejected rounds together.
    pub of: u64,
    /// The only arm it was found on; absent when it was found on several.
    pub arm: Option<Arm>,
    /// What was found in the first of those rounds.
    pub message: String,
    pub hint: Option<String>,
}

/// The rules that rejected rounds, most frequent first; among equals, in the order in which the audit applies them.
pub fn rejections(stage: &StageRecord) -> Vec<Rejection> {
    let of = (stage.valid_rounds().count() + stage.rejected_rounds().count()) as u64;
    let mut found: Vec<(usize, Rejection)> = Vec::new();
    for round in stage.rejected_rounds() {
        for (place, check, arm) in failed_rules(round) {
            match found.iter_mut().find(|(_, rejection)| rejection.rule == check.rule) {
                Some((_, rejection)) => {
                    rejection.rounds += 1;
                    rejection.arm = rejection.arm.filter(|one| Some(*one) == arm);
                }
                None => found.push((place, new(check, arm, of))),
            }
        }
    }
    found.sort_by_key(|(place, rejection)| (std::cmp::Reverse(rejection.rounds), *place));
    found.into_iter().map(|(_, rejection)| rejection).collect()
}

/// The sentences for [`super::StageStatus::Invalid`]: one per rule, most frequent first.
pub fn reasons(stage: &StageRecord) -> Vec<String> {
    rejections(stage).iter().map(ToString::to_string).collect()
}

/// Each rule that a round breaks, once: its place in the audit, what was found first, and the arm if it is only one. Where both
/// arms break it, what was found on the direct one counts: what fails without the target is not the target's doing.
fn failed_rules(round: &RoundRecord) -> Vec<(usize, &Check, Option<Arm>)> {
    let mut failed: Vec<(usize, &Check, Option<Arm>)> = Vec::new();
    for trial in &round.trials {
        for (place, check) in trial.audit.iter().enumerate().filter(|(_, check)| !check.passed) {
            match failed.iter_mut().find(|(_, earlier, _)| earlier.rule == check.rule) {
                Some((_, earlier, arm)) => {
                    if trial.arm == Arm::Direct && *arm != Some(Arm::Direct) {
                        *earlier = check;
                    }
                    *arm = arm.filter(|one| *one == trial.arm);
                }
                None => failed.push((place, check, Some(trial.arm))),
            }
        }
    }
    failed
}

fn new(check: &Check, arm: Option<Arm>, of: u64) -> Rejection {
    Rejection { rule: check.rule.clone(), rounds: 1, of, arm, message: check.message.clone(), hint: check.hint.clone() }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.rounds < self.of {
            write!(out, "{} of {} rounds rejected: ", self.rounds, self.of)?;
        }
        out.write_str(&self.message)?;
        if let Some(arm) = self.arm {
            write!(out, " ({} arm)", arm.name())?;
        }
        self.hint.as_ref().map_or(Ok(()), |hint| write!(out, "; {hint}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::audit::Blame;
    use super::super::record::{InstanceRecord, RoundStatus};
    use super::super::trial::{Build, TrialRecord};
    use super::*;
    use harness_load::facts::{LoadFacts, Offered};
    use harness_rig::usage::Series;

    fn check(rule: &str, message: &str) -> Check {
        Check {
            rule: rule.to_owned(),
            passed: false,
            message: message.to_owned(),
            blame: Some(Blame::Generator),
            hint: Some("use a quieter host".to_owned()),
        }
    }

    fn trial(arm: Arm, audit: Vec<Check>) -> TrialRecord {
        TrialRecord {
            arm,
            build: Build::Head,
            offered: Offered::Closed { vus: 1 },
            connections: 1,
            load: LoadFacts::default(),
            ledger: None,
            readings: Series::default(),
            peak_rss_bytes: None,
            target_cpus: None,
            target_threads: None,
            audit,
            tags: Vec::new(),
        }
    }

    fn stage(rounds: Vec<(RoundStatus, Vec<TrialRecord>)>) -> StageRecord {
        let rounds = (0..).zip(rounds).map(|(index, (status, trials))| RoundRecord { index, status, trials });
        let instance = InstanceRecord { rounds: rounds.collect(), ..InstanceRecord::default() };
        StageRecord { instances: vec![instance], ..StageRecord::default() }
    }

    #[test]
    fn rules_are_told_once_and_most_frequent_first() {
        let lag = |message| trial(Arm::Proxied, vec![check("pacer_lag_p99", message)]);
        let stage = stage(vec![
            (RoundStatus::Rejected, vec![trial(Arm::Direct, vec![check("steal", "6.00 % stolen")])]),
            (RoundStatus::Rejected, vec![lag("pacer lag p99 3.10 ms, limit 1.00 ms")]),
            (RoundStatus::Rejected, vec![lag("pacer lag p99 9.10 ms, limit 1.00 ms")]),
            (RoundStatus::Valid, vec![]),
            (RoundStatus::WarmUp, vec![lag("not counted")]),
        ]);
        assert_eq!(
            reasons(&stage),
            [
                "2 of 4 rounds rejected: pacer lag p99 3.10 ms, limit 1.00 ms (proxied arm); use a quieter host",
                "1 of 4 rounds rejected: 6.00 % stolen (direct arm); use a quieter host",
            ]
        );
    }

    #[test]
    fn what_fails_without_the_target_is_not_blamed_on_it() {
        let round = |order: [Arm; 2]| {
            let message = |arm| if arm == Arm::Direct { "the upstream is slow" } else { "the target is slow" };
            let trials = order.map(|arm| trial(arm, vec![check("achieved", message(arm))]));
            (RoundStatus::Rejected, trials.to_vec())
        };
        for order in [[Arm::Proxied, Arm::Direct], [Arm::Direct, Arm::Proxied]] {
            assert_eq!(reasons(&stage(vec![round(order)])), ["the upstream is slow; use a quieter host"]);
        }
    }

    #[test]
    fn a_rule_that_broke_every_round_on_both_arms_is_the_whole_sentence() {
        let both = || {
            let audit = || vec![check("achieved", "9.9 % was answered"), check("unsent", "901 unsent")];
            vec![trial(Arm::Direct, audit()), trial(Arm::Proxied, audit())]
        };
        let stage = stage(vec![(RoundStatus::Rejected, both()), (RoundStatus::Rejected, both())]);
        assert_eq!(reasons(&stage), ["9.9 % was answered; use a quieter host", "901 unsent; use a quieter host"]);
    }
}
