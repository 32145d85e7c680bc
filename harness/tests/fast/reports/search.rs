//! Tests the search: judging, rendering and storing.

use harness::measure::latency::LatencyHistogram;
use harness::measure::record::{InstanceRecord, RoundStatus, StageKind};
use harness::measure::{Arm, Pace, StageFacts};
use harness::report::schema;
use harness::stages::search::facts::{Instance, Objective, Part, Probe, Purpose, Stage, Variable};
use harness::stages::search::judge::{Judged, Limiter, PointState};
use harness::verdict::Stored;
use harness::verdict::stage::Detail;
use harness_base::units::{Nanos, Rate};

use super::formats::valid;
use super::*;

const MS: u64 = 1_000_000;

/// Returns an instance with five slices at a rate, taken from the sample; every answer takes `slow_ms` instead, unless that is 0.
fn instance(sample: &Record, index: u32, probe: Probe, slow_ms: u64) -> InstanceRecord {
    let overhead = sample.stages.iter().find(|stage| stage.name == "overhead").unwrap();
    let mut one = overhead.instances[0].clone();
    one.index = index;
    one.facts = Instance { probe, ..Instance::default() }.into();
    one.rounds.retain(|round| round.status == RoundStatus::Valid);
    one.rounds.truncate(5);
    for trial in one.rounds.iter_mut().flat_map(|round| &mut round.trials) {
        trial.offered = Pace::constant(Rate(probe.rate));
        if slow_ms > 0 && trial.arm == Arm::Proxied {
            let mut slow = LatencyHistogram::default();
            (0..trial.load.outcomes.ok).for_each(|_| slow.record(Nanos::from_millis(slow_ms)));
            trial.load.latencies.response = slow;
        }
    }
    one
}

/// Returns a search that found that 1,150 requests per second keep the objective, and 1,250 do not.
fn searched() -> Record {
    let mut record = sample::record();
    let closed = record.stages.iter().find(|stage| stage.name == "capacity").unwrap().instances[0].clone();
    let probes = [
        (Purpose::Bracket, 1_000.0, 0),
        (Purpose::Bracket, 1_400.0, 40),
        (Purpose::Refine, 1_150.0, 0),
        (Purpose::Refine, 1_250.0, 20),
        (Purpose::Confirm, 1_150.0, 0),
    ];
    let numbered = (1..).zip(probes);
    let probed = numbered
        .map(|(number, (purpose, rate, slow_ms))| instance(&record, number, Probe { number, purpose, rate }, slow_ms));
    let first = InstanceRecord { facts: Instance::default().into(), ..closed };
    let instances: Vec<InstanceRecord> = std::iter::once(first).chain(probed).collect();
    let objective = Objective { p99_ns: Some(5 * MS), errors_ratio: Some(0.001), ..Objective::default() };
    let facts =
        Stage { variable: Variable::Rate, objective, low: 1.0, high: None, precision: 0.05, probes: 12, achieved: 0.5 };
    let stage = stage(&mut record, "overhead");
    *stage = StageRecord {
        name: "search".to_owned(),
        status: StageStatus::Valid,
        facts: facts.into(),
        offered: None,
        wanted: 12,
        instances,
        ..stage.clone()
    };
    record.stages.retain(|stage| stage.kind() == StageKind::Search);
    assert!(matches!(record.stages[0].facts, StageFacts::Search(_)));
    record
}

/// Returns the instances of the probe with this number.
fn probe(record: &mut Record, number: u32) -> &mut InstanceRecord {
    let is = |one: &&mut InstanceRecord| one.index == number;
    stage(record, "search").instances.iter_mut().skip(1).find(is).unwrap()
}

fn shown(record: &Record) -> (Judged, Judgement) {
    let judgement = judged(record, &[]);
    let detail = judgement.details().next().cloned();
    match detail {
        Some(Detail::Search(found)) => (found, judgement),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_answer_is_between_the_highest_kept_and_the_lowest_failed_rate() {
    let (found, judgement) = shown(&searched());
    // A window of 3 s does not show a rate that exceeds the capacity by less than 5 ms ÷ 3 s.
    assert!((found.low.unwrap() - 1_150.0 / (1.0 + 5.0 / 3_000.0)).abs() < 1e-6, "{found:#?}");
    assert_eq!((found.high, found.confirmed, found.limit.clone()), (Some(1_250.0), true, None));
    let rates: Vec<f64> = found.points.iter().map(|point| point.rate).collect();
    assert_eq!(rates, [1_000.0, 1_150.0, 1_150.0, 1_250.0, 1_400.0]);
    let failed = &found.points[3];
    assert_eq!((failed.state, failed.part), (PointState::Failed, Some(Part::P99)));
    assert!(failed.p99_ms.is_some_and(|ms| (19.9..20.1).contains(&ms)) && failed.direct_p99_ms < Some(1.0));
    let metric = judgement.metric("search/rate").unwrap();
    let estimate = metric.estimate().unwrap();
    let ends = estimate.interval.unwrap();
    assert_eq!((Some(ends.low), Some(ends.high)), (found.low, found.high));
    assert!(metric.advisory.is_none() && (estimate.point - (ends.low * ends.high).sqrt()).abs() < 1e-9);
    let met = |bound| format!("{:?}", judged(&searched(), &[claim("search/rate", false, bound)]).targets[0].state);
    assert_eq!([1_100.0, 1_200.0, 1_300.0].map(met), ["Met", "Undecided", "NotMet"]);
}

#[test]
fn a_rate_that_fresh_instances_do_not_confirm_is_no_end() {
    let mut record = searched();
    *probe(&mut record, 5) =
        instance(&sample::record(), 5, Probe { number: 5, purpose: Purpose::Confirm, rate: 1_150.0 }, 20);
    let (found, judgement) = shown(&record);
    assert_eq!((found.low, found.high, found.confirmed), (None, Some(1_150.0), false));
    let absence = judgement.metric("search/rate").unwrap().absence().unwrap().to_owned();
    assert!(absence.contains("no rate keeps the objective; 1,150 req/s"), "{absence}");
    // Without a confirmation the answer stands, but decides nothing.
    stage(&mut record, "search").instances.pop();
    let (found, judgement) = shown(&record);
    assert!(found.low.is_some() && !found.confirmed);
    let advisory = judgement.metric("search/rate").unwrap().advisory.clone().unwrap();
    assert!(advisory.contains("was not confirmed"), "{advisory}");
}

#[test]
fn a_limit_of_the_generator_is_not_published_as_the_targets() {
    let mut record = searched();
    let limited = Check::new(Found::Unsent { unsent: 900, limit: 0 }, false, Blame::Generator);
    let facts = |limited| {
        let probe = Probe { number: 4, purpose: Purpose::Refine, rate: 1_250.0 };
        Instance { probe, limited: Some(limited), gave_up: None }
    };
    probe(&mut record, 4).facts = facts(limited.clone()).into();
    let (found, judgement) = shown(&record);
    assert_eq!(found.limit, Some(Limiter::Audit(limited)));
    assert_eq!(found.points[3].state, PointState::Limited);
    let absence = judgement.metric("search/rate").unwrap().absence().unwrap().to_owned();
    assert!(absence.starts_with("at least 1,150 req/s: beyond it generator, upstream or host limit"), "{absence}");
}

#[test]
fn a_rate_that_fails_without_the_target_too_is_limited() {
    let mut record = searched();
    for trial in probe(&mut record, 4).rounds.iter_mut().flat_map(|round| &mut round.trials) {
        let mut slow = LatencyHistogram::default();
        (0..trial.load.outcomes.ok).for_each(|_| slow.record(Nanos::from_millis(9)));
        trial.load.latencies.response = slow;
    }
    let (found, judgement) = shown(&record);
    assert_eq!((found.limit, found.points[3].state), (Some(Limiter::DirectArm), PointState::Limited));
    assert!(judgement.metric("search/rate").unwrap().absence().unwrap().contains("direct arm"));
}

#[test]
fn a_target_that_ends_under_load_does_not_keep_the_rate() {
    let mut record = searched();
    let ended = probe(&mut record, 4);
    ended.rounds.clear();
    let probe = Probe { number: 4, purpose: Purpose::Refine, rate: 1_250.0 };
    ended.facts = Instance { probe, gave_up: Some(sample::died("the target was killed")), limited: None }.into();
    let (found, _) = shown(&record);
    assert_eq!((found.high, found.limit), (Some(1_250.0), None));
    assert!(found.points[3].message.as_ref().is_some_and(|why| why.contains("killed")), "{:#?}", found.points[3]);
}

#[test]
fn a_search_is_reported_in_every_format_and_keeps_the_schema() {
    let record = searched();
    let judgement = judged(&record, &[]);
    matches_file("tests/snapshots/search.txt", &rendered("table", &record, &judgement));
    matches_file("tests/snapshots/search.md", &rendered("markdown", &record, &judgement));
    let html = rendered("html", &record, &judgement);
    for kind in ["search-times", "search-cpu"] {
        let from = html.find(&format!("data-chart=\"{kind}\"")).unwrap_or_else(|| panic!("{kind}"));
        let figure = &html[from..from + html[from..].find("</figure>").unwrap()];
        assert_eq!(figure.matches("<circle class=\"proxied\"").count(), 3, "three probes keep the objective: {figure}");
        assert!(figure.contains("class=\"in-proxied\"") && figure.contains("between 1,150"), "{figure}");
    }
    let stored = Stored::new(record, judgement).unwrap();
    valid(schema::RESULT, &serde_json::to_value(&stored).unwrap()).unwrap();
    let lines = harness::measure::journal::JournalLine::of_record(&stored.record);
    let text: String = lines.iter().map(|line| line.to_json().unwrap()).collect();
    assert_eq!(harness::measure::journal::replay(text.as_bytes()).unwrap().record, stored.record);
}
