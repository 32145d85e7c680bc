//! From a record to its judgement.

use super::claim::Claim;
use super::context::Context;
use super::faults::Faults;
use super::gate::Gates;
use super::judgement::{
    ClaimFinding, ClaimState, Finding, FindingKind, Judgement, Measured, StageFinding, StageState, Topic,
};
use super::soak::Soak;
use super::{bottleneck, claims, curve, faults, findings, measured, notes, soak};
use crate::measure::record::{Record, StageKind, StageRecord, StageStatus};
use crate::measure::trial::Build;
use harness_base::exit::Exit;

/// The mildest finding that fails a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailOn {
    /// Whatever could not be decided, and all below.
    Inconclusive,
    /// An alert, and all below.
    Alert,
    #[default]
    Block,
}

/// How strictly to judge, and by what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// `--fail-on`.
    pub fail_on: FailOn,
    /// `[gate]` of the scenario.
    pub gates: Gates,
    /// Stored runs, the last run's breaches, the rerun, the reason of an override.
    pub context: Context,
}

/// Judges a record: estimates of the valid stages, claims, what changed against a base, and what the run ends in. Of a record with
/// two builds the head is judged, against the base that ran beside it; any other against the stored runs in `options.context`.
pub fn judge(record: &Record, claims: &[Claim], options: Options) -> Judgement {
    let checked = soak::checked(record);
    let record: &Record = &checked;
    let head = if record.is_compared() { &record.of_build(Build::Head) } else { record };
    let soaks = soak::all(head);
    let metrics = measured::metrics(head, &soaks);
    let base = if record.is_compared() { measured::metrics(&record.of_build(Build::Base), &[]) } else { Vec::new() };
    let targets = claims::judge(claims, &metrics);
    let found = findings::about(record, &metrics, &base, &options);
    let left_out = record.stages.iter().filter_map(left_out);
    let faults = faults::all(head);
    let alarms = soaks.iter().flat_map(Soak::findings).chain(faults.iter().flat_map(Faults::findings));
    let findings: Vec<Finding> = left_out.chain(undecided(&targets)).chain(alarms).chain(found).collect();
    let mut grounds = grounds(record, &targets);
    grounds.extend(findings.iter().filter_map(|finding| finding_ground(finding, options.fail_on)));
    let exit = grounds.iter().fold(Exit::Pass, |exit, (ground, _)| exit.join(*ground));
    Judgement {
        curves: head.stages.iter().filter_map(curve::judge).collect(),
        soaks,
        faults,
        targets,
        findings,
        stages: record
            .stages
            .iter()
            .zip(&head.stages)
            .map(|(stage, head)| stage_finding(stage, head, &metrics, &base))
            .collect(),
        metrics,
        context: options.context,
        exit,
        reasons: most_urgent_first(grounds),
    }
}

/// What a finding speaks against a pass: a block always, milder ones where that was asked for.
fn finding_ground(finding: &Finding, fail_on: FailOn) -> Option<(Exit, String)> {
    let Finding { subject, message, .. } = finding;
    let message = match finding.kind {
        FindingKind::Block => format!("{subject}: {message}"),
        FindingKind::Alert if fail_on <= FailOn::Alert => format!("{subject} (--fail-on alert): {message}"),
        FindingKind::Inconclusive if fail_on <= FailOn::Inconclusive => {
            format!("{subject} is not decided (--fail-on inconclusive): {message}")
        }
        _ => return None,
    };
    Some((Exit::Regressed, message))
}

/// Everything that speaks against a pass, with the exit code it stands for.
fn grounds(record: &Record, targets: &[ClaimFinding]) -> Vec<(Exit, String)> {
    let mut grounds = Vec::new();
    if record.interrupted {
        grounds.push((Exit::Interrupted, stopped(record)));
    }
    grounds.extend(record.failure.iter().map(|failure| (failure.exit, failure.message.clone())));
    grounds.extend(record.stages.iter().filter_map(|stage| stage_ground(stage, record.interrupted)));
    grounds.extend(targets.iter().filter_map(|target| target_ground(target, record)));
    if record.stages.is_empty() && grounds.is_empty() {
        grounds.push((Exit::Invalid, "no stage ran, so nothing was measured".to_owned()));
    }
    grounds
}

fn stopped(record: &Record) -> String {
    let unfinished = record.stages.iter().find(|stage| stage.status == StageStatus::Incomplete);
    unfinished.map_or_else(
        || "stopped between two stages; what was measured before is kept".to_owned(),
        |stage| format!("stopped in stage {}; what was measured before is kept", stage.name),
    )
}

fn stage_ground(stage: &StageRecord, interrupted: bool) -> Option<(Exit, String)> {
    let name = &stage.name;
    match &stage.status {
        StageStatus::Valid | StageStatus::Skipped(_) => None,
        StageStatus::Invalid(_) if stage.optional => None,
        StageStatus::Invalid(reasons) => Some((Exit::Invalid, format!("stage {name}: {}", first(reasons)))),
        StageStatus::Failed(failure) => Some((failure.exit, format!("stage {name}: {}", failure.message))),
        // An interruption has said so already; without one the run ended early for a reason nobody recorded.
        StageStatus::Incomplete if interrupted => None,
        StageStatus::Incomplete => Some((Exit::Invalid, format!("stage {name} was never completed"))),
    }
}

fn target_ground(target: &ClaimFinding, record: &Record) -> Option<(Exit, String)> {
    let ClaimFinding { metric, limit, message, .. } = target;
    match target.state {
        _ if !target.required => None,
        ClaimState::Met | ClaimState::Undecided => None,
        ClaimState::NotMet => {
            Some((Exit::Regressed, format!("required target {metric} {limit} is not met: {message}")))
        }
        ClaimState::Absent if from_dispensable_stage(metric, record) => None,
        ClaimState::Absent => {
            Some((Exit::Invalid, format!("required target {metric} {limit} could not be judged: {message}")))
        }
    }
}

/// The claim's metric is from a stage that the run may do without, and did without.
fn from_dispensable_stage(metric: &str, record: &Record) -> bool {
    let row = crate::measure::metric::find(metric);
    let of = |stage: &&StageRecord| row.is_some_and(|row| row.stage == stage.kind && row.id_for(stage) == metric);
    let stage = record.stages.iter().find(of);
    stage.is_some_and(|stage| left_out(stage).is_some())
}

/// A stage that is skipped, or optional and invalid: said aloud, never silently fine.
fn left_out(stage: &StageRecord) -> Option<Finding> {
    let message = match &stage.status {
        StageStatus::Skipped(why) => why.clone(),
        StageStatus::Invalid(reasons) if stage.optional => first(reasons),
        _ => return None,
    };
    Some(Finding {
        subject: format!("stage {}", stage.name),
        kind: FindingKind::Inconclusive,
        topic: Topic::Stage,
        message,
        weighed: None,
    })
}

fn undecided(targets: &[ClaimFinding]) -> impl Iterator<Item = Finding> {
    let open = targets.iter().filter(|target| matches!(target.state, ClaimState::Undecided | ClaimState::Absent));
    open.map(|target| Finding {
        subject: target.metric.clone(),
        kind: FindingKind::Inconclusive,
        topic: Topic::Claim,
        message: format!("target {}: {}", target.limit, target.message),
        weighed: None,
    })
}

fn stage_finding(stage: &StageRecord, head: &StageRecord, metrics: &[Measured], base: &[Measured]) -> StageFinding {
    let (state, reasons) = match &stage.status {
        StageStatus::Valid => (StageState::Valid, Vec::new()),
        StageStatus::Invalid(reasons) => (StageState::Invalid, reasons.clone()),
        StageStatus::Failed(failure) => (StageState::Failed, vec![failure.message.clone()]),
        StageStatus::Skipped(why) => (StageState::Skipped, vec![why.clone()]),
        StageStatus::Incomplete => (StageState::Incomplete, vec!["stopped before it was complete".to_owned()]),
    };
    let attributed = Some(head).filter(|_| state == StageState::Valid && stage.kind != StageKind::Limits);
    StageFinding {
        name: stage.name.clone(),
        state,
        reasons,
        notes: [notes::about(head, metrics), notes::about_pairs(stage, metrics, base)].concat(),
        bottleneck: attributed.and_then(bottleneck::of),
    }
}

fn first(reasons: &[String]) -> String {
    reasons.first().cloned().unwrap_or_else(|| "no reason was recorded".to_owned())
}

/// The reasons in the order of urgency of what they stand for, each once.
fn most_urgent_first(mut grounds: Vec<(Exit, String)>) -> Vec<String> {
    grounds.sort_by(|(left, _), (right, _)| match (left == right, left.join(*right) == *left) {
        (true, _) => std::cmp::Ordering::Equal,
        (false, true) => std::cmp::Ordering::Less,
        (false, false) => std::cmp::Ordering::Greater,
    });
    let mut reasons: Vec<String> = Vec::new();
    for (_, message) in grounds {
        // A stage's failure is often the run's failure too; the same sentence once is enough.
        if !reasons.iter().any(|earlier| earlier.contains(&message) || message.ends_with(earlier.as_str())) {
            reasons.push(message);
        }
    }
    reasons
}
