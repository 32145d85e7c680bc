//! Promotes runs: every refusal, and the parts of a run that are kept.

use harness::measure::Record;
use harness::measure::metric::Kind;
use harness::measure::record::StageStatus;
use harness::measure::trial::Build;
use harness::verdict::claim::Claim;
use harness::verdict::promote::{Refused, promoted, result_file};
use harness::verdict::{Judgement, Options, Stored, judge, stored};
use harness_base::exit::Exit;
use harness_stats::{Estimate, Sample};

use super::made::*;
use crate::sample;

/// Returns a run that may be promoted.
pub fn clean() -> Record {
    let mut record = sample::record();
    record.git.as_mut().unwrap().dirty = false;
    record
}

fn stage(record: &mut Record, name: &str, status: StageStatus) {
    record.stages.iter_mut().find(|stage| stage.name == name).unwrap().status = status;
}

fn judged(record: &Record) -> Judgement {
    judge(record, &[], Options::default())
}

fn promote(record: &Record, reason: Option<&str>) -> Result<harness::baseline::Promoted, Refused> {
    let judgement = judged(record);
    let stored = Stored::new(record.clone(), judgement.clone()).unwrap();
    promoted(&stored, &judgement, reason, "2026-11-21T00:00:00Z".to_owned())
}

#[test]
fn a_clean_run_is_kept_with_its_rounds() {
    let record = crate::sample::with_few_requests(clean());
    let run = promote(&record, None).unwrap();
    let judgement = judged(&record);
    let valued: Vec<&str> = judgement
        .metrics
        .iter()
        .filter(|metric| metric.estimate().is_some())
        .map(|metric| metric.id.as_str())
        .collect();
    let kept: Vec<&str> = run.metrics.iter().map(|metric| metric.id.as_str()).collect();
    assert_eq!(kept, valued, "every metric with a value, and no other");
    assert!(run.metric("overhead/percent_p50").is_none(), "absent is not zero");
    for metric in &run.metrics {
        let measured = judgement.metric(&metric.id).unwrap();
        assert_eq!(metric.rounds.len() as u64, measured.estimate().unwrap().n, "{}", metric.id);
        let median = Estimate::median(&Sample::new(measured.rounds().to_vec()).unwrap()).point;
        assert!((metric.point - median).abs() <= median.abs() * 1e-5, "{}", metric.id);
    }
    let size = run.metric("binary/size").unwrap();
    assert_eq!((size.point, size.kind), (8_432_640.0, Kind::Exact));
    assert!(run.metric("latency/p99").unwrap().advisory.is_some());
    assert_eq!((run.program.as_str(), run.run_id.as_str()), ("thoughtgate", "20261120T183005Z-4f1c"));
    assert_eq!((run.override_reason, run.host, run.git), (None, record.host, record.git));
    let folder = Folder::new();
    let path = folder.fill("sidecar", "main", vec![promote(&clean(), None).unwrap()]);
    let size = std::fs::metadata(path).unwrap().len();
    assert!(size < 20_000, "{size} bytes for a run of default size");
}

#[test]
fn an_invalid_run_is_never_promoted() {
    let mut record = clean();
    stage(&mut record, "overhead", StageStatus::Invalid(vec![crate::sample::steal()]));
    for reason in [None, Some("it is urgent")] {
        let refused = promote(&record, reason).unwrap_err();
        let said = refused.to_string();
        assert!(matches!(refused, Refused::Invalid { .. }) && said.contains("9.00 % of CPU time stolen"), "{said}");
        assert!(said.contains("with or without --override") && said.contains("harness run"), "{said}");
    }
    let nothing = Record { stages: Vec::new(), ..clean() };
    assert!(matches!(promote(&nothing, Some("why not")), Err(Refused::Invalid { .. })));
}

#[test]
fn an_invalid_stage_that_is_optional_is_left_out() {
    let mut record = clean();
    stage(&mut record, "overhead", StageStatus::Invalid(vec![crate::sample::steal()]));
    record.stages.iter_mut().for_each(|stage| stage.optional = stage.name == "overhead");
    let run = promote(&record, None).unwrap();
    assert!(run.metric("overhead/latency_p50").is_none() && run.metric("latency/p50").is_none());
    assert!(run.metric("memory/idle_rss").is_some());
}

#[test]
fn a_run_that_did_not_end_by_itself_is_never_promoted() {
    let failure = crate::sample::died("the target exited with code 1");
    let mut failed = clean();
    stage(&mut failed, "capacity", StageStatus::Failed(failure));
    let mut interrupted = clean();
    interrupted.interrupted = true;
    stage(&mut interrupted, "capacity", StageStatus::Incomplete);
    for (record, words) in [
        (failed, "ended in TARGET FAILED: stage capacity: the target exited with code 1"),
        (interrupted, "ended in INTERRUPTED: stopped in stage capacity"),
    ] {
        let refused = promote(&record, Some("it is urgent")).unwrap_err();
        assert!(matches!(refused, Refused::Unfinished { .. }) && refused.to_string().contains(words), "{refused}");
    }
    let mut incomplete = clean();
    stage(&mut incomplete, "capacity", StageStatus::Incomplete);
    assert!(matches!(promote(&incomplete, Some("it is urgent")), Err(Refused::Invalid { .. })));
}

#[test]
fn a_promotion_that_needs_a_reason_keeps_it() {
    let mut record = clean();
    record.scenario.quick = true;
    record.git.as_mut().unwrap().dirty = true;
    let said = promote(&record, None).unwrap_err().to_string();
    assert!(
        said.contains("--quick") && said.contains("tracked files differed") && said.contains("--override"),
        "{said}"
    );
    assert_eq!(promote(&record, Some("  ")), Err(Refused::EmptyReason));
    let run = promote(&record, Some(" first baseline ")).unwrap();
    assert_eq!((run.override_reason.as_deref(), run.quick), (Some("first baseline"), true));
    // Where nothing speaks against it, there is nothing to make up for.
    assert_eq!(promote(&clean(), Some("to be sure")).unwrap().override_reason, None);
}

#[test]
fn a_regressed_run_needs_a_reason_in_either_judgement() {
    let record = clean();
    let missed = Claim { metric: "memory/idle_rss".to_owned(), bound: 20e6, below: true, required: true, age: None };
    let regressed = judge(&record, &[missed], Options::default());
    assert_eq!(regressed.exit, Exit::Regressed);
    let passed = judged(&record);
    // Found when it was judged again, and found by the run itself: either way it counts.
    for (stored, again) in [(&passed, &regressed), (&regressed, &passed)] {
        let stored = Stored::new(record.clone(), stored.clone()).unwrap();
        let promote = |reason| promoted(&stored, again, reason, "2026-11-21T00:00:00Z".to_owned());
        let said = promote(None).unwrap_err().to_string();
        assert!(said.contains("it is REGRESSED (required target memory/idle_rss < 20 MB is not met"), "{said}");
        assert_eq!(promote(Some("accepted")).unwrap().override_reason.as_deref(), Some("accepted"));
    }
}

#[test]
fn of_two_builds_the_head_is_kept() {
    let mut record = clean();
    let mut base = record.targets[0].clone();
    (base.build, base.program) = (Build::Base, "/opt/old/base-proxy".to_owned());
    record.targets.insert(0, base);
    assert_eq!(promote(&record, None).unwrap().program, "thoughtgate");
}

#[test]
fn a_folder_means_its_result_and_a_journal_alone_is_partial() {
    let folder = Folder::new();
    let path = folder.path();
    assert_eq!(result_file(path), Ok(path.join(stored::RESULT)));
    std::fs::write(path.join("journal.jsonl"), "").unwrap();
    let said = result_file(path).unwrap_err().to_string();
    assert!(said.contains("holds a partial run"), "{said}");
    std::fs::write(path.join(stored::RESULT), "{}").unwrap();
    assert_eq!(result_file(path), Ok(path.join(stored::RESULT)));
    assert_eq!(result_file(&path.join("other.json")), Ok(path.join("other.json")));
}
