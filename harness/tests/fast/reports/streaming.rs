//! Tests streams: judging, rendering and storing.

use std::sync::LazyLock;

use harness::measure::latency::LatencyHistogram;
use harness::measure::metric::find;
use harness::measure::record::{StageKind, StageRecord};
use harness::measure::{Arm, Pace};
use harness::report::schema;
use harness::stages::streaming::facts::{Passing, Stage};
use harness::stages::streaming::judge::Judged;
use harness::verdict::Stored;
use harness::verdict::judgement::{FindingKind, Topic};
use harness::verdict::stage::Detail;
use harness_base::units::Nanos;
use harness_load::streams::{Reads, Streams};

use super::formats::valid;
use super::*;

const EVENTS: u64 = 40;
/// Streams of one trial.
const STREAMS: u64 = 20;

/// Returns a trial whose events arrive `delay_us` after they were written, in reads of `group` events each.
fn streams(delay_us: u64, group: u64, after_last: u64) -> Streams {
    let asked = EVENTS * STREAMS;
    let times = |n: u64| {
        let mut times = LatencyHistogram::default();
        (0..n).for_each(|n| times.record(Nanos::from_micros(delay_us + n % 7)));
        times
    };
    Streams {
        streams: STREAMS,
        asked,
        arrived: asked,
        reads: vec![Reads { events: group, count: asked / group }],
        after_last: after_last * STREAMS,
        first: times(STREAMS),
        delay: times(asked),
        distortion: times(asked - STREAMS),
        ..Streams::default()
    }
}

/// Returns a run whose target passes on what `proxied` says.
fn record(expect: Option<Passing>, proxied: &Streams) -> Record {
    static SAMPLE: LazyLock<Record> = LazyLock::new(sample::record);
    let mut record = SAMPLE.clone();
    let one = stage(&mut record, "overhead");
    let facts = Stage { events: EVENTS, interval_ns: 5_000_000, size_bytes: 64, leave_after: None, expect };
    *one = StageRecord {
        name: "streaming".to_owned(),
        facts: facts.into(),
        offered: Some(Pace::Closed { vus: 10 }),
        ..one.clone()
    };
    for trial in one.instances.iter_mut().flat_map(|one| &mut one.rounds).flat_map(|round| &mut round.trials) {
        trial.offered = Pace::Closed { vus: 10 };
        let of_arm = if trial.arm == Arm::Direct { streams(50, 1, 0) } else { proxied.clone() };
        trial.load.streams = Some(Box::new(of_arm));
    }
    record.stages.retain(|stage| stage.kind() == StageKind::Streaming);
    record
}

fn shown(record: &Record) -> (Judged, Judgement) {
    let judgement = judged(record, &[]);
    let detail = judgement.details().next().cloned();
    match detail {
        Some(Detail::Streaming(found)) => (found, judgement),
        other => panic!("{other:?}"),
    }
}

/// Returns the findings about events, by kind and message.
fn findings(judgement: &Judgement) -> Vec<(FindingKind, String)> {
    let own = judgement.findings.iter().filter(|finding| finding.topic == Topic::Stream);
    own.map(|finding| (finding.kind, finding.message.clone())).collect()
}

#[test]
fn a_target_streams_coalesces_or_buffers() {
    for (group, after_last, passing, conclusion) in [
        (1, 0, Passing::Streams, "STREAMS: 1.00 events in a read, 1.00 without the target"),
        (4, 1, Passing::Coalesces, "COALESCES: 4.00 events in a read, 1.00 without the target; 2.56 % of the events"),
        (40, 39, Passing::Buffers, "BUFFERS: 40 of 40 events in one read after the last was sent"),
        (20, 39, Passing::Buffers, "BUFFERS: 40 of 40 events in 2.0 reads after the last was sent"),
        // A target that delays whole streams passes their events on one by one.
        (1, 39, Passing::Streams, "STREAMS: 1.00 events in a read"),
    ] {
        let (found, judgement) = shown(&record(None, &streams(250, group, after_last)));
        assert_eq!(found.passing, Some(passing));
        assert!(found.conclusion().contains(conclusion), "{}", found.conclusion());
        let value = |id: &str| judgement.metric(id).unwrap().estimate().unwrap().point;
        assert!((value("stream/coalescing_percent") - (group - 1) as f64 * 100.0).abs() < 1e-9);
        assert!((value("stream/buffered_percent") - after_last as f64 / 39.0 * 100.0).abs() < 1e-9);
        for id in ["stream/event_added_p50", "stream/event_added_p99", "stream/first_added_p50", "stream/gap_added_p99"]
        {
            assert!((value(id) - 0.2).abs() < 0.002, "{id}: {}", value(id));
        }
        assert_eq!(value("stream/wrong_percent"), 0.0);
        assert_eq!(findings(&judgement), []);
        assert!(rendered("table", &record(None, &streams(250, group, after_last)), &judgement).contains("per read"));
    }
}

#[test]
fn a_target_that_passes_streams_on_worse_than_demanded_is_a_block() {
    let found = |expect, group, after| findings(&shown(&record(Some(expect), &streams(250, group, after))).1);
    assert_eq!(found(Passing::Streams, 1, 0), []);
    assert_eq!(found(Passing::Coalesces, 1, 0), []);
    let worse = found(Passing::Streams, 4, 1);
    assert!(
        worse.len() == 1 && worse[0].0 == FindingKind::Block && worse[0].1.contains("expected: streams"),
        "{worse:?}"
    );
    assert_eq!(found(Passing::Coalesces, 40, 39)[0].0, FindingKind::Block);
    let claim = |bound| judged(&record(None, &streams(250, 4, 1)), &[claim("stream/coalescing_percent", true, bound)]);
    assert_eq!(format!("{:?}", claim(10.0).targets[0].state), "NotMet");
    assert_eq!(format!("{:?}", claim(400.0).targets[0].state), "Met");
}

#[test]
fn events_that_are_lost_or_changed_are_a_block_unless_the_direct_arm_has_them_too() {
    let damaged = Streams { lost: 1, repeated: 2, reordered: 3, foreign: 4, ..streams(250, 1, 0) };
    let mut run = record(None, &damaged);
    let (_, judgement) = shown(&run);
    let rounds = run.stages[0].valid_rounds().count() as u64;
    let found = findings(&judgement);
    assert!(found.len() == 1 && found[0].0 == FindingKind::Block, "{found:?}");
    let message = format!(
        "{rounds} lost, {} repeated, {} out of order, {} not of the stream",
        2 * rounds,
        3 * rounds,
        4 * rounds
    );
    assert!(found[0].1.contains(&message), "{found:?}");
    let wrong = judgement.metric("stream/wrong_percent").unwrap().estimate().unwrap().point;
    assert!((wrong - 10.0 / 800.0 * 100.0).abs() < 1e-9, "{wrong}");
    for trial in run.stages[0].instances.iter_mut().flat_map(|one| &mut one.rounds).flat_map(|round| &mut round.trials)
    {
        trial.load.streams = Some(Box::new(damaged.clone()));
    }
    assert_eq!(findings(&shown(&run).1)[0].0, FindingKind::Inconclusive);
}

#[test]
fn nothing_is_told_about_a_target_whose_upstream_already_writes_several_events_at_once() {
    let mut run = record(Some(Passing::Streams), &streams(250, 4, 1));
    for trial in run.stages[0].instances.iter_mut().flat_map(|one| &mut one.rounds).flat_map(|round| &mut round.trials)
    {
        trial.load.streams = Some(Box::new(streams(50, 2, 0)));
    }
    let (found, judgement) = shown(&run);
    assert_eq!(found.passing, None);
    assert!(found.conclusion().contains("without the target, 2.00 events come in one read"), "{}", found.conclusion());
    assert_eq!(findings(&judgement)[0].0, FindingKind::Inconclusive);
}

#[test]
fn far_quantiles_of_few_events_are_advisory() {
    let (_, judgement) = shown(&record(None, &streams(250, 1, 0)));
    let advisory = |id: &str| judgement.metric(id).unwrap().advisory.clone().unwrap_or_default();
    assert!(advisory("stream/event_added_p99").contains("8,000 events an arm, 10,000 needed"));
    assert!(advisory("stream/first_added_p99").contains("200 streams an arm"));
    assert_eq!(advisory("stream/event_added_p50"), "");
    assert_eq!(find("stream/event_added_p99").unwrap().requests, 10_000);
}

#[test]
fn streams_are_reported_in_every_format_and_keep_the_schema() {
    let record = record(Some(Passing::Streams), &streams(250, 40, 39));
    let judgement = judged(&record, &[]);
    matches_file("tests/snapshots/streaming.txt", &rendered("table", &record, &judgement));
    matches_file("tests/snapshots/streaming.md", &rendered("markdown", &record, &judgement));
    assert!(rendered("html", &record, &judgement).contains("BUFFERS: 40 of 40 events in one read"));
    let stored = Stored::new(record, judgement).unwrap();
    valid(schema::RESULT, &serde_json::to_value(&stored).unwrap()).unwrap();
    let lines = harness::measure::journal::JournalLine::of_record(&stored.record);
    let text: String = lines.iter().map(|line| line.to_json().unwrap()).collect();
    assert_eq!(harness::measure::journal::replay(text.as_bytes()).unwrap().record, stored.record);
}
