//! Judges a record.

use std::cmp::Reverse;

use super::checked::checked;
use super::claim::Claim;
use super::judgement::{
    ClaimFinding, ClaimState, Finding, FindingKind, Ground, Judgement, Measured, StageFinding, Topic,
};
use super::options::{FailOn, Options};
use super::stage::{Detail, judging};
use super::target::{Builds, of_head_alone};
use super::{between_runs, bottleneck, claims, findings, measured, notes};
use crate::measure::Reason;
use crate::measure::record::{Record, StageRecord, StageStatus};
use crate::measure::trial::Build;
use harness_base::exit::Exit;

/// Judges a record: estimates of the valid stages, claims, changes against a base, and the exit code. In a record with
/// two builds, the head is compared with the base of the same run; otherwise with the stored runs in `options.context`.
pub fn judge(record: &Record, claims: &[Claim], options: Options) -> Judgement {
    let checked = checked(record);
    let record: &Record = &checked;
    let head = if record.is_compared() { &record.of_build(Build::Head) } else { record };
    let base_record = record.is_compared().then(|| record.of_build(Build::Base));
    let details = measured::details(head);
    let mut metrics = measured::metrics(head, &details);
    between_runs::add(&mut metrics, head, options.context.against.as_ref());
    let base = base_record.as_ref().map(|base| measured::metrics(base, &[])).unwrap_or_default();
    let builds = |index: usize| Builds {
        whole: &record.stages[index],
        head: &head.stages[index],
        base: base_record.as_ref().map(|base| &base.stages[index]).filter(|base| !judging(base.kind()).head_alone),
    };
    let builds: Vec<Builds<'_>> = (0..record.stages.len()).map(builds).collect();
    let targets = claims::judge(claims, &metrics, head);
    let found = findings::about(record, &metrics, &base, &options);
    let left_out = record.stages.iter().filter_map(left_out);
    let alarms = record.stages.iter().zip(&details).flat_map(|(stage, detail)| alarms(stage, detail.as_ref()));
    let missed = builds.iter().filter_map(Builds::finding);
    let findings: Vec<Finding> = left_out.chain(missed).chain(undecided(&targets)).chain(alarms).chain(found).collect();
    let mut grounds = grounds(record, &targets);
    grounds.extend(builds.iter().flat_map(|builds| builds.grounds(claims, &options.gates)));
    let failing = findings.iter().filter(|finding| fails(finding.kind, options.fail_on));
    grounds.extend(failing.cloned().map(Ground::Finding));
    grounds.sort_by_key(|ground| Reverse(ground.exit().urgency()));
    let exit = grounds.iter().fold(Exit::Pass, |exit, ground| exit.join(ground.exit()));
    Judgement {
        targets,
        findings,
        stages: record
            .stages
            .iter()
            .zip(&head.stages)
            .zip(details)
            .zip(&builds)
            .map(|(((stage, head), detail), builds)| {
                let found = stage_finding(stage, head, detail, (&metrics, &base));
                StageFinding { notes: [builds.notes(), found.notes].concat(), ..found }
            })
            .collect(),
        metrics,
        context: options.context,
        exit,
        grounds,
    }
}

/// Returns whether a finding fails the run: a block, or a milder one if `--fail-on` asks for it.
fn fails(kind: FindingKind, fail_on: FailOn) -> bool {
    match kind {
        FindingKind::Block => true,
        FindingKind::Alert => fail_on <= FailOn::Alert,
        FindingKind::Inconclusive => fail_on <= FailOn::Inconclusive,
        _ => false,
    }
}

/// Collects all grounds against a pass except findings.
fn grounds(record: &Record, targets: &[ClaimFinding]) -> Vec<Ground> {
    let mut grounds = Vec::new();
    if record.interrupted {
        let unfinished = record.stages.iter().find(|stage| stage.status == StageStatus::Incomplete);
        grounds.push(Ground::Interrupted { stage: unfinished.map(|stage| stage.name.clone()) });
    }
    grounds.extend(record.stages.iter().filter_map(|stage| stage_ground(stage, record.interrupted)));
    let required = targets.iter().filter(|target| target.required && target_fails(target, record));
    grounds.extend(required.cloned().map(Ground::Claim));
    let is_valid = |stage: &StageRecord| stage.status == StageStatus::Valid;
    if grounds.is_empty() && record.stages.is_empty() {
        grounds.push(Ground::NothingRan);
    } else if grounds.is_empty() && !record.stages.iter().any(is_valid) {
        grounds.push(Ground::NothingValid);
    }
    grounds
}

fn stage_ground(stage: &StageRecord, interrupted: bool) -> Option<Ground> {
    let name = stage.name.clone();
    if let Some(failure) = of_head_alone(&stage.status) {
        return Some(Ground::HeadFails { stage: name, failure });
    }
    match &stage.status {
        StageStatus::Valid | StageStatus::Skipped(_) => None,
        StageStatus::Invalid(_) if stage.optional => None,
        StageStatus::Invalid(reasons) => Some(Ground::Invalid { stage: name, reason: reasons.first().cloned() }),
        StageStatus::Failed(failure) => Some(Ground::Failed { stage: name, failure: failure.clone() }),
        // An interruption is a separate ground; without one, the run ended early for an unrecorded reason.
        StageStatus::Incomplete if interrupted => None,
        StageStatus::Incomplete => Some(Ground::Incomplete { stage: name }),
    }
}

fn target_fails(target: &ClaimFinding, record: &Record) -> bool {
    match target.state {
        ClaimState::Met | ClaimState::Undecided => false,
        ClaimState::NotMet => true,
        ClaimState::Absent => !from_dispensable_stage(&target.metric, record),
    }
}

/// Returns whether the metric of a claim belongs to an optional stage that did not run.
fn from_dispensable_stage(metric: &str, record: &Record) -> bool {
    let of = |stage: &&StageRecord| {
        crate::measure::metric::rows(metric).any(|row| row.stage == stage.kind() && row.id_for(stage) == metric)
    };
    let stage = record.stages.iter().find(of);
    stage.is_some_and(|stage| left_out(stage).is_some())
}

/// Reports a stage that is skipped, or optional and invalid.
fn left_out(stage: &StageRecord) -> Option<Finding> {
    let message = match &stage.status {
        StageStatus::Skipped(failure) => failure.to_string(),
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

/// Returns the findings in the detail of a stage. Those of an invalid stage decide nothing, because its numbers are not published.
fn alarms(stage: &StageRecord, detail: Option<&Detail>) -> Vec<Finding> {
    let mut findings = detail.map(Detail::findings).unwrap_or_default();
    if matches!(stage.status, StageStatus::Invalid(_)) {
        for finding in &mut findings {
            finding.kind = FindingKind::Inconclusive;
            finding.message.push_str("; not decided, because the stage is invalid");
        }
    }
    findings
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

fn stage_finding(
    stage: &StageRecord,
    head: &StageRecord,
    detail: Option<Detail>,
    (metrics, base): (&[Measured], &[Measured]),
) -> StageFinding {
    let is_valid = stage.status == StageStatus::Valid;
    let attributed = Some(head).filter(|_| is_valid && judging(stage.kind()).has_bottleneck);
    StageFinding {
        name: stage.name.clone(),
        status: stage.status.clone(),
        notes: [notes::about(head, metrics), notes::about_pairs(stage, metrics, base)].concat(),
        bottleneck: attributed.and_then(bottleneck::of),
        detail,
    }
}

fn first(reasons: &[Reason]) -> String {
    reasons.first().map_or_else(|| "no reason was recorded".to_owned(), ToString::to_string)
}
