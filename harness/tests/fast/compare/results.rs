//! Our own results against each other.

use std::sync::LazyLock;

use harness::measure::Arm;
use harness::measure::record::{Record, StageRecord, StageStatus};
use harness::measure::trial::Build;
use harness::stages::artifact::facts as artifact;
use harness::verdict::compare::Change;
use harness::verdict::{Stored, judge};

use super::*;
use crate::sample::startup;

/// Returns the common part of these records, cached because the sample is slow to create.
fn bare() -> Record {
    static SAMPLE: LazyLock<Record> = LazyLock::new(|| Record { stages: Vec::new(), ..crate::sample::record() });
    SAMPLE.clone()
}

/// Returns ten startup times whose median is `ms`, one per launch, a little apart from each other.
fn launches(ms: f64) -> Record {
    with_launches(&(0..10).map(|n| ms * (0.991 + 0.002 * f64::from(n))).collect::<Vec<_>>())
}

fn with_launches(to_ready_ms: &[f64]) -> Record {
    Record { stages: vec![startup(crate::sample::launches(Build::Head, to_ready_ms))], ..bare() }
}

fn sized(bytes: u64) -> Record {
    let artifact = StageRecord {
        name: "artifact".to_owned(),
        facts: artifact::Stage { size_bytes: Some(bytes), ..artifact::Stage::default() }.into(),
        status: StageStatus::Valid,
        ..StageRecord::default()
    };
    Record { stages: vec![artifact], ..bare() }
}

fn write(files: &Files, name: &str, record: &Record) -> PathBuf {
    let judgement = judge(record, &[], harness::verdict::Options::default());
    let stored = Stored::new(record.clone(), judgement).unwrap();
    files.write(name, &serde_json::to_string(&stored).unwrap())
}

fn judged(base: &Record, head: &Record) -> Comparison {
    let files = Files::new();
    one(Rule::Default, &write(&files, "base.json", base), &write(&files, "head.json", head))
}

#[track_caller]
fn of<'a>(comparison: &'a Comparison, id: &str) -> &'a Change {
    comparison.pairs[0].changes.iter().find(|change| change.id == id).unwrap_or_else(|| panic!("{comparison:#?}"))
}

#[test]
fn loads_of_fleets_of_other_shapes_are_not_comparable() {
    let fleet = |nodes: usize| {
        let nodes = vec![harness_fleet::order::NodeFacts::default(); nodes];
        let engine = harness_fleet::FleetEngine::Joined;
        Some(harness::measure::FleetFacts { engine, cpus: None, memory_bytes: None, co_located: false, nodes })
    };
    let of = |nodes: usize| Record { fleet: fleet(nodes), ..launches(1.0) };
    assert!(judged(&of(2), &of(2)).pairs[0].problems.is_empty());
    let found = judged(&of(2), &launches(1.0));
    let words =
        "not comparable: the load of base came from 2 nodes joined by hand, that of head from a process of the host";
    assert_eq!((found.pairs[0].problems[0].message.as_str(), found.pairs[0].changes.len()), (words, 0));
}

fn ready(base: &Record, head: &Record) -> FindingKind {
    of(&judged(base, head), "startup/to_ready").finding
}

#[test]
fn a_result_against_itself_is_fine_in_every_number() {
    let record = crate::sample::record();
    let comparison = judged(&record, &record);
    assert_eq!(comparison.exit, Exit::Pass, "{comparison:#?}");
    let changes = &comparison.pairs[0].changes;
    assert!(changes.len() > 20, "{changes:#?}");
    assert!(changes.iter().all(|change| change.finding == FindingKind::Ok && change.change_ratio == Some(0.0)));
    assert_eq!(comparison.pairs[0].evidence.as_deref(), Some("rounds of two stored runs"));
}

#[test]
fn size_and_p_decide_together() {
    let base = launches(100.0);
    for (ms, expected) in [
        (100.0, FindingKind::Ok),
        (100.5, FindingKind::Ok),
        (108.0, FindingKind::Small),
        (115.0, FindingKind::Alert),
        (130.0, FindingKind::Block),
        (85.0, FindingKind::Improved),
        (97.0, FindingKind::Ok),
    ] {
        assert_eq!(ready(&base, &launches(ms)), expected, "{ms}");
    }
    let blocked = judged(&base, &launches(130.0));
    assert_eq!(blocked.exit, Exit::Regressed);
    // Every head is above every base: two of all ways to choose ten of twenty.
    let weighed = of(&blocked, "startup/to_ready").weighed.as_ref().unwrap();
    assert!((weighed.p.unwrap() - 2.0 / 184_756.0).abs() < 1e-12, "{weighed:?}");
    assert_eq!(judged(&base, &launches(115.0)).exit, Exit::Pass);
    // 30 % worse in the middle, but both scatter over the same range.
    let wide = |factor: f64| {
        with_launches(&[40.0, 50.0, 60.0, 70.0, 100.0 * factor, 100.0 * factor, 150.0, 160.0, 170.0, 180.0])
    };
    let noise = judged(&wide(1.0), &wide(1.3));
    assert_eq!(of(&noise, "startup/to_ready").finding, FindingKind::Noise);
    assert!(of(&noise, "startup/to_ready").message.contains("but not significant (p "));
}

#[test]
fn a_difference_below_the_floor_never_counts() {
    let (base, head) = (launches(0.200), launches(0.280));
    let comparison = judged(&base, &head);
    let change = of(&comparison, "startup/to_ready");
    assert_eq!(change.finding, FindingKind::Small);
    assert!(change.message.contains("40.00 % worse") && change.message.contains("is ignored"), "{}", change.message);
}

#[test]
fn scaling_or_permuting_changes_nothing_and_swapping_swaps() {
    for ms in [100.0, 108.0, 115.0, 130.0] {
        let found = ready(&launches(100.0), &launches(ms));
        assert_eq!(ready(&launches(1e4), &launches(ms * 100.0)), found, "{ms}");
        let mut backwards = launches(ms);
        backwards.stages[0].instances.reverse();
        assert_eq!(ready(&launches(100.0), &backwards), found, "{ms}");
    }
    assert_eq!(ready(&launches(130.0), &launches(100.0)), FindingKind::Improved);
}

#[test]
fn slower_launches_never_get_a_milder_finding() {
    const MILDEST_FIRST: [FindingKind; 5] =
        [FindingKind::Improved, FindingKind::Ok, FindingKind::Small, FindingKind::Alert, FindingKind::Block];
    let found: Vec<FindingKind> = (80..=140).map(|ms| ready(&launches(100.0), &launches(f64::from(ms)))).collect();
    let place = |kind: &FindingKind| MILDEST_FIRST.iter().position(|known| known == kind).unwrap();
    assert!(found.is_sorted_by_key(place), "{found:?}");
    assert!(MILDEST_FIRST.iter().all(|kind| found.contains(kind)), "{found:?}");
}

#[test]
fn too_few_launches_decide_nothing() {
    let few = with_launches(&[100.0, 101.0, 102.0, 103.0]);
    let comparison = judged(&launches(100.0), &few);
    let change = of(&comparison, "startup/to_ready");
    assert_eq!(change.finding, FindingKind::Inconclusive);
    let message = "startup/to_ready: 4 rounds or launches cannot show a significant change at p < 0.05; at least 5 can";
    assert_eq!(change.message, message);
}

#[test]
fn another_host_or_scenario_caps_what_was_measured_but_not_what_was_counted() {
    let mut elsewhere = launches(130.0);
    elsewhere.host.cpu_model = "Xeon".to_owned();
    let comparison = judged(&launches(100.0), &elsewhere);
    let change = of(&comparison, "startup/to_ready");
    assert_eq!((change.finding, comparison.exit), (FindingKind::Alert, Exit::Pass));
    assert!(change.message.contains("no more than an alert: the hosts differ (AMD EPYC 7763"), "{}", change.message);
    let mut otherwise = launches(130.0);
    otherwise.scenario.overrides = vec!["stage.startup.launches=10".to_owned()];
    let comparison = judged(&launches(100.0), &otherwise);
    assert!(of(&comparison, "startup/to_ready").message.contains("the scenarios differ"), "{comparison:#?}");
    let mut larger = sized(11_100_000);
    larger.host.cpu_model = "Xeon".to_owned();
    let comparison = judged(&sized(10_000_000), &larger);
    assert_eq!((of(&comparison, "binary/size").finding, comparison.exit), (FindingKind::Block, Exit::Regressed));
    assert_eq!(of(&judged(&sized(10_000_000), &sized(11_000_000)), "binary/size").finding, FindingKind::Alert);
    assert_eq!(of(&judged(&sized(10_000_000), &sized(10_500_000)), "binary/size").finding, FindingKind::Ok);
}

#[test]
fn a_metric_that_is_absent_on_one_side_says_why() {
    let record = crate::sample::record();
    let mut invalid = record.clone();
    invalid.stages.iter_mut().find(|stage| stage.name == "overhead").unwrap().status =
        StageStatus::Invalid(vec![crate::sample::steal()]);
    for (base, head, side) in [(&record, &invalid, "head"), (&invalid, &record, "base")] {
        let comparison = judged(base, head);
        let change = of(&comparison, "latency/p50");
        assert_eq!(change.finding, FindingKind::Inconclusive);
        assert_eq!(change.message, format!("latency/p50: missing in {side} (stage overhead is invalid)"));
    }
}

#[test]
fn advisory_values_never_decide() {
    let fast = crate::sample::with_few_requests(crate::sample::record());
    let mut slow = fast.clone();
    // The direct arm as the proxied one: p99 of 9,000 requests changes by far more than a block.
    let overhead = slow.stages.iter_mut().find(|stage| stage.name == "overhead").unwrap();
    for trial in overhead.instances.iter_mut().flat_map(|i| &mut i.rounds).flat_map(|round| &mut round.trials) {
        trial.arm = if trial.arm == Arm::Direct { Arm::Proxied } else { Arm::Direct };
    }
    let comparison = judged(&slow, &fast);
    assert_eq!(of(&comparison, "latency/p50").finding, FindingKind::Block);
    let p99 = of(&comparison, "latency/p99");
    assert_eq!(p99.finding, FindingKind::Noise);
    assert!(
        p99.message.contains("beyond the limit") && p99.message.contains("advisory: 9,000 requests"),
        "{}",
        p99.message
    );
}

#[test]
fn a_result_that_was_edited_or_has_no_number_is_refused() {
    let files = Files::new();
    let base = write(&files, "base.json", &launches(100.0));
    let text = std::fs::read_to_string(&base).unwrap();
    let edited = files.write("head.json", &text.replacen("\"cpus\":2", "\"cpus\":64", 1));
    assert_ne!(std::fs::read_to_string(&edited).unwrap(), text);
    refused(&one(Rule::Default, &base, &edited), Exit::InvalidInput, &["head: ", "was changed after the run"]);
    let empty = write(&files, "empty.json", &bare());
    refused(&one(Rule::Default, &empty, &base), Exit::InvalidInput, &["base: ", "has no metric with a value"]);
}

#[test]
fn the_folder_of_a_run_is_that_run() {
    let files = Files::new();
    write(&files, "one/result.json", &launches(100.0));
    write(&files, "two/result.json", &launches(130.0));
    let output = support::harness().arg("compare").args([files.path("one"), files.path("two")]).output().unwrap();
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("  block        startup/to_ready: 30.00 % worse (100 ms → 130 ms)"), "{text}");
}

#[test]
#[ignore = "prints how long it takes; a number for release builds"]
fn how_long_two_results_take() {
    let files = Files::new();
    let record = crate::sample::record();
    let (base, head) = (write(&files, "base.json", &record), write(&files, "head.json", &record));
    let started = std::time::Instant::now();
    let comparison = one(Rule::Default, &base, &head);
    let size = std::fs::metadata(&base).unwrap().len();
    println!("{size} bytes each: {:?}", started.elapsed());
    assert_eq!(comparison.exit, Exit::Pass);
}

#[test]
fn the_gates_of_the_heads_scenario_decide() {
    let (base, mut head) = (launches(100.0), launches(115.0));
    assert_eq!(ready(&base, &head), FindingKind::Alert, "by default from 10 % on");
    head.scenario.text.push_str("[gate.startup]\nalert = { change = \"+20%\", p = 0.05 }\n");
    assert_eq!(ready(&base, &head), FindingKind::Small);
    assert_eq!(ready(&head, &launches(132.25)), FindingKind::Alert, "the base has no say");
}
