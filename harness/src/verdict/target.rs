//! Judges what the target did wrong under load: errors beyond their limit, and an offered rate that it did not answer.

use super::claim::Claim;
use super::gate::Gates;
use super::judgement::finding::{Finding, FindingKind, Topic};
use super::judgement::ground::{Ground, HeadFailure};
use super::judgement::target::{FailedRuns, MissedRate, TargetErrors};
use super::stage::judging;
use crate::measure::audit::{Blame, Check, Found, rejecting};
use crate::measure::metric::{METRICS, bare, category};
use crate::measure::reason::{Problem, Scope};
use crate::measure::record::{RoundRecord, RoundStatus, StageRecord, StageStatus};
use crate::measure::trial::{Build, TrialRecord};
use crate::measure::{Arm, Outcome, Outcomes, Reason};
use harness_base::clock::Mono;
use harness_base::exit::Exit;
use harness_base::units::{Nanos, Rate};

/// The category of the metrics that contain the share of errors.
const CATEGORY: &str = "errors";

/// A stage with the trials of all builds, and of each build.
pub(super) struct Builds<'a> {
    pub(super) whole: &'a StageRecord,
    pub(super) head: &'a StageRecord,
    /// Absent if nothing is compared.
    pub(super) base: Option<&'a StageRecord>,
}

impl Builds<'_> {
    /// Returns the grounds against a pass. What only the head does wrong is a regression.
    pub(super) fn grounds(&self, claims: &[Claim], gates: &Gates) -> Vec<Ground> {
        let stage = || self.whole.name.clone();
        let (head, base) = (exceeding(self.head), self.base.and_then(exceeding));
        let errors = match (head, base) {
            _ if is_judged_otherwise(self.whole, claims, gates) => None,
            (_, Some(errors)) => Some(Ground::TargetErrors { stage: stage(), build: Some(Build::Base), errors }),
            (Some(errors), None) if self.base.is_some() => {
                Some(Ground::HeadFails { stage: stage(), failure: HeadFailure::Errors(errors) })
            }
            (errors, None) => errors.map(|errors| Ground::TargetErrors { stage: stage(), build: None, errors }),
        };
        let missed = missed_rate(self.head).filter(|_| self.is_regressed_rate());
        let rate = missed.map(|missed| Ground::HeadFails { stage: stage(), failure: HeadFailure::Rate(missed) });
        let runs = self.runs().filter(|_| !is_judged_otherwise(self.whole, claims, gates));
        errors.into_iter().chain(rate).chain(runs).collect()
    }

    /// Returns the ground for runs of a command that failed.
    fn runs(&self) -> Option<Ground> {
        let stage = self.whole.name.clone();
        match (too_many_failed(self.head), self.base.and_then(too_many_failed)) {
            (_, Some(runs)) => Some(Ground::FailedRuns { stage, build: Some(Build::Base), runs }),
            (Some(runs), None) if self.base.is_some() => {
                Some(Ground::HeadFails { stage, failure: HeadFailure::Runs(runs) })
            }
            (runs, None) => Some(Ground::FailedRuns { stage, build: None, runs: runs? }),
        }
    }

    /// Returns a finding for a rate that the target did not answer, unless it is a ground.
    pub(super) fn finding(&self) -> Option<Finding> {
        let missed = missed_rate(self.head).filter(|_| !self.is_regressed_rate())?;
        let (subject, message) = (format!("stage {}", self.whole.name), missed.to_string());
        Some(Finding { subject, topic: Topic::Stage, kind: FindingKind::Alert, message, weighed: None })
    }

    /// Returns a note about the errors of each build.
    pub(super) fn notes(&self) -> Vec<String> {
        let note = |build: Build, stage: &StageRecord| {
            let of = if self.base.is_some() { format!("{} build: ", build.name()) } else { String::new() };
            let errors = errors(stage).map(|errors| errors.to_string());
            let runs = || (judging(stage.kind()).failed_runs)(stage).map(|runs| runs.to_string());
            Some(format!("{of}{}", errors.or_else(runs)?))
        };
        let base = self.base.and_then(|base| note(Build::Base, base));
        base.into_iter().chain(note(Build::Head, self.head)).collect()
    }

    fn is_regressed_rate(&self) -> bool {
        self.base.is_some_and(|base| missed_rate(base).is_none())
    }
}

/// Returns why a stage has no numbers, if only the head of two builds caused it: the head ended or did not start, or more of its rounds
/// broke a rule by its own fault than rounds of the base broke any rule.
pub(super) fn of_head_alone(status: &StageStatus) -> Option<HeadFailure> {
    match status {
        StageStatus::Failed(failure)
            if failure.exit == Exit::TargetFailed && build(&failure.scope) == Some(Build::Head) =>
        {
            Some(HeadFailure::Failed(failure.clone()))
        }
        StageStatus::Invalid(reasons) => {
            let of = |build_of: Build| reasons.iter().filter(move |reason| build(&reason.scope) == Some(build_of));
            let head = of(Build::Head).find(|reason| reason.blame() == Some(Blame::Target))?;
            let fails =
                |reason: &Reason| matches!(reason.blame(), Some(Blame::Target | Blame::Upstream | Blame::Instrument));
            let worst = of(Build::Base).map(rounds).max().unwrap_or_default();
            (!of(Build::Base).any(fails) && rounds(head) > worst).then(|| HeadFailure::Invalid(head.clone()))
        }
        _ => None,
    }
}

fn build(scope: &[Scope]) -> Option<Build> {
    scope.iter().find_map(|scope| match scope {
        Scope::Build { build, .. } => Some(*build),
        _ => None,
    })
}

/// Returns how many rounds a reason rejected; a preflight counts as one.
const fn rounds(reason: &Reason) -> u64 {
    match &reason.problem {
        Problem::Rejected(rejection) => rejection.rounds,
        Problem::Preflight { .. } => 1,
        _ => 0,
    }
}

/// Returns whether a claim or a gate of the scenario replaces the limit of errors.
fn is_judged_otherwise(stage: &StageRecord, claims: &[Claim], gates: &Gates) -> bool {
    let row = METRICS.iter().find(|row| row.stage == stage.kind() && row.category() == CATEGORY);
    let Some(id) = row.map(|row| row.id_for(stage)) else { return false };
    let gated = |name: &str| name == id || name == bare(&id) || name == category(&id);
    claims.iter().any(|claim| claim.metric == id) || gates.written.iter().any(|written| gated(&written.name))
}

fn too_many_failed(stage: &StageRecord) -> Option<FailedRuns> {
    let runs = (judging(stage.kind()).failed_runs)(stage)?;
    (runs.failed as f64 > runs.limit * runs.of as f64).then_some(runs)
}

fn exceeding(stage: &StageRecord) -> Option<TargetErrors> {
    errors(stage).filter(|errors| errors.errors.errors() as f64 > errors.limit * errors.requests as f64)
}

/// Returns the errors of the target; `None` without errors, and for a stage that judges them itself.
fn errors(stage: &StageRecord) -> Option<TargetErrors> {
    if judging(stage.kind()).errors_are_results {
        return None;
    }
    let Some(begun) = trials(stage).map(|(_, trial)| trial.load.window_start).min() else {
        return (judging(stage.kind()).errors)(stage);
    };
    let mut found =
        TargetErrors { requests: 0, errors: Outcomes::default(), limit: 0.0, first_ns: None, example: None };
    for (round, trial) in trials(stage) {
        add(&mut found, round, trial, begun);
    }
    (found.errors.errors() > 0).then_some(found)
}

/// Adds the errors of a trial; the first window of the stage began at `begun`.
fn add(found: &mut TargetErrors, round: &RoundRecord, trial: &TrialRecord, begun: Mono) {
    let load = &trial.load;
    let is_used = match round.status {
        RoundStatus::Tail => rejecting(&trial.audit).is_none(),
        status => status == RoundStatus::Valid,
    };
    let counts = is_used && load.own_errors() > 0;
    let inside = if counts { load.outcomes } else { load.outcomes.wrong_answers() };
    let errors = [inside, load.outside.wrong_answers()];
    found.requests += load.sent_total;
    for outcome in Outcome::ALL.into_iter().filter(|outcome| outcome.is_error()) {
        found.errors.add(outcome, errors.iter().map(|outcomes| outcomes.of(outcome)).sum());
    }
    found.limit = trial.audit.iter().find_map(limit).unwrap_or(found.limit);
    if found.example.is_none() && errors.iter().any(|outcomes| outcomes.errors() > 0) {
        found.example = load.examples.first().cloned();
    }
    if let Some(first) = load.first_error_ns.filter(|_| inside.errors() > 0) {
        let first = load.window_start.after(Nanos(first)).since(begun).0;
        found.first_ns = Some(found.first_ns.map_or(first, |earlier| earlier.min(first)));
    }
}

const fn limit(check: &Check) -> Option<f64> {
    match check.found {
        Found::Errors { limit, .. } => Some(limit),
        _ => None,
    }
}

/// Returns the rate that the target did not answer in some valid rounds.
fn missed_rate(stage: &StageRecord) -> Option<MissedRate> {
    if judging(stage.kind()).errors_are_results {
        return None;
    }
    let valid = || trials(stage).filter(|(round, _)| round.status == RoundStatus::Valid);
    let missed: Vec<(f64, Rate)> = valid().filter_map(|(_, trial)| trial.audit.iter().find_map(missed)).collect();
    let share = missed.iter().map(|(share, _)| *share).min_by(f64::total_cmp)?;
    Some(MissedRate { share, rate: missed[0].1, rounds: missed.len() as u64, of: valid().count() as u64 })
}

fn missed(check: &Check) -> Option<(f64, Rate)> {
    match check.found {
        Found::Achieved { share, rate, .. } if check.blame == Some(Blame::Target) => Some((share, rate)),
        _ => None,
    }
}

/// Returns whether a rule about errors does not hold because of the target.
fn is_own_error(check: &Check) -> bool {
    matches!(check.found, Found::Errors { .. }) && check.blame == Some(Blame::Target)
}

/// Iterates over the trials of all rounds in which the target answers: the proxied ones, and direct ones whose errors are its own.
fn trials(stage: &StageRecord) -> impl Iterator<Item = (&RoundRecord, &TrialRecord)> {
    let rounds = stage.instances.iter().flat_map(|instance| &instance.rounds);
    let trials = rounds.flat_map(|round| round.trials.iter().map(move |trial| (round, trial)));
    trials.filter(|(_, trial)| trial.arm == Arm::Proxied || trial.audit.iter().any(is_own_error))
}
