//! Tests the cost of limits: judging, rendering and storing.

use harness::measure::StageFacts;
use harness::measure::group::{GroupUsage, ResourceLimits};
use harness::measure::record::StageKind;
use harness::report::schema;
use harness::stages::limits::facts::{GaveUp, Instance, Objective, Stage, Why};
use harness::stages::limits::judge::{Judged, PointState};
use harness::verdict::Stored;
use harness::verdict::stage::Detail;
use harness_base::units::Bytes;

use super::formats::valid;
use super::*;

/// A group whose CPU limit held it back in five of six periods, and whose memory rose to 70 MiB.
fn held_back(record: &mut StageRecord) {
    for trial in
        record.instances.iter_mut().flat_map(|instance| &mut instance.rounds).flat_map(|round| &mut round.trials)
    {
        let last = trial.readings.0.len() - 1;
        for (index, reading) in trial.readings.0.iter_mut().enumerate() {
            let counted = if index == last { 1 } else { 0 };
            reading.group = Some(GroupUsage {
                cpu_ns: Some(0),
                periods: Some(100 + 18 * counted),
                throttled_periods: Some(40 + 15 * counted),
                throttled_ns: Some(counted * 900_000_000),
                memory_bytes: Some(64 << 20),
                memory_peak_bytes: Some((64 << 20) + counted * (6 << 20)),
                ..GroupUsage::default()
            });
        }
    }
}

fn limits(cpus: f64) -> ResourceLimits {
    ResourceLimits { cpus: Some(cpus), memory: Some(Bytes::from_mebi(128)), pids: None }
}

/// Returns the sample's capacity stage as a stage inside limits.
fn constrained() -> Record {
    let mut record = sample::record();
    let capacity = stage(&mut record, "capacity");
    capacity.facts = StageFacts::new(StageKind::Constrained);
    capacity.name = "constrained".to_owned();
    capacity.limits = Some(limits(0.5));
    held_back(capacity);
    record.stages.retain(|stage| stage.kind() == StageKind::Constrained);
    record
}

/// Three sets of limits: the target dies in the first, and does the same in the others.
fn curve(objective: Objective) -> Record {
    let mut record = constrained();
    let stage = stage(&mut record, "constrained");
    (stage.facts, stage.name, stage.limits) = (Stage { objective }.into(), "limits".to_owned(), None);
    let mut measured = stage.instances[0].clone();
    stage.instances.clear();
    let mut dead = measured.clone();
    (dead.index, dead.limits) = (0, Some(limits(0.1)));
    dead.rounds.truncate(3);
    let why = Why::Failed(sample::died("the target was killed for want of memory"));
    dead.facts = Instance { gave_up: Some(GaveUp { why, by_target: true }) }.into();
    stage.instances.push(dead);
    for (index, cpus) in [(1, 0.25), (2, 0.5)] {
        (measured.index, measured.limits) = (index, Some(limits(cpus)));
        stage.instances.push(measured.clone());
    }
    record
}

fn shown(judgement: &Judgement) -> Judged {
    match judgement.details().next() {
        Some(Detail::Limits(curve)) => curve.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn throttling_is_counted_and_explained() {
    let record = constrained();
    let judgement = judged(&record, &[]);
    let value = |id: &str| judgement.metric(id).unwrap().estimate().unwrap().point;
    assert!((value("cpu/throttled_percent") - 100.0 * 15.0 / 18.0).abs() < 1e-9);
    let capacity = judged(&sample::record(), &[]);
    let same = |id: &str| capacity.metric(id).unwrap().estimate().unwrap().point;
    assert!((value("throughput/rps_constrained") - same("throughput/rps_10vu")).abs() < 1e-9);
    assert!((value("memory/constrained_peak") - f64::from(70 << 20)).abs() < 1.0);
    let window = 2.0;
    assert!((value("cpu/throttled_time_percent") - 90.0 / window).abs() < 1.0);
    let text = rendered("table", &record, &judgement);
    assert!(text.contains("throttled in 83 % of the periods. 0.5 CPUs are 50.0 ms"), "{text}");
}

#[test]
fn without_a_cpu_limit_nothing_is_throttled_and_it_says_so() {
    let mut record = constrained();
    stage(&mut record, "constrained").limits = Some(ResourceLimits { cpus: None, ..limits(1.0) });
    let judgement = judged(&record, &[]);
    let found = judgement.metric("cpu/throttled_percent").unwrap().absence().unwrap();
    assert!(found.contains("limits no CPU"), "{found}");
}

#[test]
fn the_smallest_limits_that_do_are_found() {
    // The sample answers 16,300 requests per second with a p99 of about 1 ms.
    let states = |rps: Option<f64>, p99_ns: Option<u64>| {
        let judgement = judged(&curve(Objective { rps, p99_ns }), &[]);
        let curve = shown(&judgement);
        (curve.points.iter().map(|point| point.state).collect::<Vec<_>>(), curve.smallest)
    };
    use PointState::{Met, NotMet};
    assert_eq!(states(Some(10_000.0), Some(50_000_000)), (vec![NotMet, Met, Met], Some(limits(0.25))));
    assert_eq!(states(Some(20_000.0), None), (vec![NotMet, NotMet, NotMet], None));
    assert_eq!(states(None, Some(100_000)), (vec![NotMet, NotMet, NotMet], None));
    assert_eq!(states(None, None), (vec![NotMet, Met, Met], Some(limits(0.25))), "dying never meets it");
}

#[test]
fn too_few_rounds_decide_nothing() {
    let mut record = curve(Objective { rps: Some(1.0), p99_ns: None });
    let stage = stage(&mut record, "limits");
    stage.instances[1].rounds.truncate(4);
    let curve = shown(&judged(&record, &[]));
    assert_eq!(curve.points[1].state, PointState::Undecided);
    assert_eq!(curve.smallest, Some(limits(0.5)), "the next one is decided");
}

#[test]
fn a_curve_is_drawn() {
    let record = curve(Objective { rps: Some(10_000.0), p99_ns: Some(50_000_000) });
    let html = rendered("html", &record, &judged(&record, &[]));
    let of = |kind: &str| {
        let from = html.find(&format!("data-chart=\"{kind}\"")).unwrap();
        &html[from..from + html[from..].find("</figure>").unwrap()]
    };
    let rate = of("limits-rate");
    assert_eq!(rate.matches("<circle class=\"proxied\"").count(), 2, "two sets of limits meet the objective: {rate}");
    assert_eq!(rate.matches("<circle class=\"proxied hollow\"").count(), 1, "in one the target dies: {rate}");
    assert!(
        rate.contains("objective: 10,000 req/s") && rate.contains("the smallest that meet the objective are 0.25 CPUs")
    );
    assert!(of("limits-p99").contains("objective: 50.0 ms"));
    assert!(of("throttled").contains("the target was throttled"), "{}", of("throttled"));
}

#[test]
fn a_curve_is_reported_in_both_formats_and_keeps_the_schema() {
    let record = curve(Objective { rps: Some(10_000.0), p99_ns: Some(50_000_000) });
    let judgement = judged(&record, &[]);
    matches_file("tests/snapshots/curve.txt", &rendered("table", &record, &judgement));
    matches_file("tests/snapshots/curve.md", &rendered("markdown", &record, &judgement));
    let stored = Stored::new(record, judgement).unwrap();
    valid(schema::RESULT, &serde_json::to_value(&stored).unwrap()).unwrap();
    let lines = harness::measure::journal::JournalLine::of_record(&stored.record);
    let text: String = lines.iter().map(|line| line.to_json().unwrap()).collect();
    assert_eq!(harness::measure::journal::replay(text.as_bytes()).unwrap().record, stored.record);
}
