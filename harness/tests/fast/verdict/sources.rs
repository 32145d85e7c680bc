//! Values of one id from two sources: imported ones are not compared with those that a target reports, whatever they are compared by.

use std::collections::BTreeMap;

use harness::measure::metric::Source;
use harness::measure::record::{InstanceRecord, Record, RoundRecord, RoundStatus, StageRecord, StageStatus};
use harness::measure::scraped::{Asked, Bucket, Found, How};
use harness::measure::trial::Build;
use harness::report::trend::Trend;
use harness::stages::import::facts::{self as import, Import};
use harness::stages::scrape::facts as scrape;
use harness::verdict::compare::{self, Comparison};
use harness::verdict::context::{Against, Context};
use harness::verdict::judgement::Judgement;
use harness::verdict::{Options, Stored, judge};

use super::publishing::around;
use super::*;
use crate::baseline::made;
use crate::sample::{launches, startup};
use crate::support::Scratch;

const EVALUATION: &str = "policy/eval_p50";

fn with(stage: StageRecord) -> Record {
    let startup = startup(launches(Build::Head, &around(1.0)));
    let mut record = crate::sample::record();
    record.stages = vec![startup, stage];
    record
}

/// Returns a run with an evaluation of this median that was imported.
fn imported(us: f64) -> Record {
    let metric = EVALUATION.to_owned();
    let import = Import { metric, samples: 10, iterations: 1, values: times(&ROUNDS, us / 2.0), ..Import::default() };
    let facts = import::Stage { imports: vec![import] }.into();
    with(StageRecord { name: "import".to_owned(), facts, status: StageStatus::Valid, ..StageRecord::default() })
}

/// Returns a run with an evaluation of this median that the target reports.
fn reported(us: f64) -> Record {
    let (metric, name, labels) = (EVALUATION.to_owned(), "x_us".to_owned(), BTreeMap::new());
    let asked = vec![Asked { metric, name, labels, how: How::Quantile(0.5), factor: 1.0 }];
    let instance = |(index, value): (u32, f64)| {
        let buckets = vec![Bucket { upper: Some(value * 2.0), count: 10.0 }];
        let found = vec![Found::Histogram { count: 10.0, sum: value * 10.0, buckets }];
        InstanceRecord {
            index,
            facts: scrape::Instance { sent: 10, found, ..scrape::Instance::default() }.into(),
            rounds: vec![RoundRecord { index: 1, status: RoundStatus::Valid, trials: Vec::new() }],
            ..InstanceRecord::default()
        }
    };
    let facts = scrape::Stage { of: "overhead".to_owned(), asked }.into();
    with(StageRecord {
        name: "scrape".to_owned(),
        facts,
        status: StageStatus::Valid,
        instances: (0..).zip(times(&ROUNDS, us / 2.0)).map(instance).collect(),
        ..StageRecord::default()
    })
}

fn judged(record: &Record, context: Context) -> Judgement {
    judge(record, &[], Options { context, ..Options::default() })
}

fn compared(base: &Record, head: &Record) -> Comparison {
    let scratch = Scratch::new();
    let write = |name: &str, record: &Record| {
        let path = scratch.0.join(name);
        Stored::new(record.clone(), judged(record, Context::default())).unwrap().write(&path).unwrap();
        path
    };
    let pair = (write("base.json", base), write("head.json", head));
    compare::compare(&[pair], compare::Options::default())
}

const APART: &str = "not comparable: the values of the base are imported from another tool, those of the head are reported by the target";

#[test]
fn results_of_two_sources_are_not_compared() {
    let change = |base: &Record, head: &Record| {
        let comparison = compared(base, head);
        let changes = comparison.pairs[0].changes.clone();
        changes.into_iter().find(|change| change.id == EVALUATION).unwrap_or_else(|| panic!("{comparison:#?}"))
    };
    let apart = change(&imported(100.0), &reported(300.0));
    assert_eq!((apart.finding, apart.message), (FindingKind::Inconclusive, format!("{EVALUATION}: {APART}")));
    assert!(apart.weighed.is_none());
    assert_eq!(change(&imported(100.0), &imported(300.0)).finding, FindingKind::Block);
    assert!(change(&reported(100.0), &reported(300.0)).weighed.is_some());
}

/// Returns a baseline of runs whose evaluations have these sources and medians, oldest first.
fn against(runs: &[(Option<Source>, f64)]) -> Context {
    let promoted = |(index, (source, us)): (u64, &(Option<Source>, f64))| {
        let mut run = made::run(index, 1.0);
        let metric = made::metric(EVALUATION, Unit::Micros, Better::Lower, &times(&ROUNDS, us / 2.0));
        run.metrics = vec![harness::baseline::StoredMetric { source: *source, ..metric }];
        run
    };
    let baseline = made::baseline((0..).zip(runs).map(promoted).collect());
    Context { against: Against::new(&baseline, Vec::new()), ..Context::default() }
}

#[test]
fn a_baseline_of_one_source_is_none_for_the_other() {
    let change = |record: &Record, runs: &[(Option<Source>, f64)]| {
        let judgement = judged(record, against(runs));
        judgement.change_of(EVALUATION).unwrap_or_else(|| panic!("{judgement:#?}")).clone()
    };
    let (other, own) = (Some(Source::Imported), Some(Source::Reported));
    let apart = change(&reported(300.0), &[(other, 100.0)]);
    assert_eq!((apart.kind, apart.message.as_str()), (FindingKind::Inconclusive, APART));
    let unknown = change(&reported(300.0), &[(None, 100.0)]);
    assert!(unknown.message.contains("the values of the base are of unknown source"), "{}", unknown.message);
    // Only the runs of the own source count, wherever they stand.
    let same = change(&imported(300.0), &[(other, 100.0), (own, 290.0)]).weighed.unwrap();
    assert!((same.base - 100.0).abs() < 1.0, "{same:?}");
    let context = against(&[(other, 100.0), (own, 290.0), (other, 110.0)]);
    let past = context.against.unwrap().metrics;
    let histories: Vec<(Option<Source>, usize)> =
        past.into_iter().map(|past| (past.source, past.history.len())).collect();
    assert_eq!(histories, [(other, 2), (own, 1)]);
}

#[test]
fn a_trend_does_not_run_over_two_sources() {
    let run = |index: u64, source: Source, us: f64| {
        let mut run = made::run(index, 1.0);
        let metric = made::metric(EVALUATION, Unit::Micros, Better::Lower, &times(&ROUNDS, us / 2.0));
        run.metrics = vec![harness::baseline::StoredMetric { source: Some(source), ..metric }];
        run
    };
    let runs = vec![run(0, Source::Imported, 100.0), run(1, Source::Reported, 300.0), run(2, Source::Reported, 300.0)];
    let trend: serde_json::Value =
        serde_json::from_str(&Trend::of(&made::baseline(runs), EVALUATION).unwrap().json().unwrap()).unwrap();
    let comparable: Vec<bool> =
        trend["runs"].as_array().unwrap().iter().map(|run| run["comparable"].as_bool().unwrap()).collect();
    assert_eq!(comparable, [false, true, true]);
    assert_eq!(trend["guard"]["runs"], 2);
}
