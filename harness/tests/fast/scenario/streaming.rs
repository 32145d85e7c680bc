//! Stage `streaming`.

use super::*;
use harness::stages::streaming::facts::{Passing, Stage as Facts};
use harness::stages::streaming::work::Work as StreamingWork;
use harness_base::units::Bytes;

fn with(keys: &str) -> String {
    GOOD.replace("[stage.overhead]", &format!("[stage.streaming]\n{keys}\n[stage.overhead]"))
}

fn streaming(keys: &str) -> (StreamingWork, Stage) {
    let stage = good(&with(keys), &[]).stages[0].clone();
    match &stage.work {
        Work::Streaming(work) => (work.clone(), stage.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stage_needs_no_key_and_asks_for_streams_on_the_path_of_the_scenario() {
    let (work, stage) = streaming("");
    assert_eq!(
        work.facts,
        Facts { events: 40, interval_ns: 5_000_000, size_bytes: 64, leave_after: None, expect: None }
    );
    let LoadWork { instances, rounds, pace, ramp, warmup, window, paired, .. } = work.load.clone();
    assert_eq!((instances, rounds, pace, paired), (5, 10, Pace::Closed { vus: 10 }, true));
    let ms = Nanos::from_millis;
    assert_eq!((work.stream(), ramp, warmup, window), (ms(200), ms(200), ms(200), ms(400)));
    let request = &stage.requests[0];
    assert_eq!((request.path.as_str(), request.expect.stamped, request.expect.status), ("/a", Some(40), Some(200)));
    let field = ("x-upstream-stream".to_owned(), "events=40, interval=5000000ns, size=64B".to_owned());
    assert!(request.headers.contains(&field), "{:?}", request.headers);
    assert_eq!(request.timeout, ms(5_600), "a stream takes at most one and a half of its length");
}

#[test]
fn the_body_that_the_path_answers_otherwise_is_not_expected_of_a_stream() {
    let text =
        with("").replace("expect = { status = 200 }", "expect = { status = 200, json = { present = [\"/a\"] } }");
    let stages = good(&text, &[]).stages;
    assert!(stages[0].requests[0].expect.present.is_empty() && !stages[1].requests[0].expect.present.is_empty());
}

#[test]
fn streams_can_be_long_and_many() {
    let (work, stage) = streaming(
        "events = 600\ninterval = \"50ms\"\nsize = \"1KiB\"\nvus = 1000\nrounds = 6\ninstances = 1\nexpect = \"streams\"",
    );
    let facts = Facts {
        events: 600,
        interval_ns: 50_000_000,
        size_bytes: 1024,
        leave_after: None,
        expect: Some(Passing::Streams),
    };
    assert_eq!((work.facts, work.load.window), (facts, Nanos::from_secs(30)));
    assert!(stage.requests[0].timeout > Nanos::from_secs(60));
    let described = Plan::new(&good(&with(""), &[]), &Options::default()).unwrap().to_string();
    let described = described.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(described.contains("streams of 40 events of 64 B, 5ms apart"), "{described}");
    assert_eq!(Bytes(64).to_string(), "64 B");
}

#[test]
fn what_shows_nothing_is_refused() {
    for (keys, message) in [
        ("events = 1", "must be 2 to 100000"),
        ("interval = \"0ms\"", "must be longer than 0"),
        ("size = \"2MiB\"", "must be at most"),
        ("events = 10000\ninterval = \"1s\"", "makes streams of"),
        ("window = \"100ms\"", "is shorter than a stream, which takes 200ms"),
        ("expect = \"fast\"", "expect"),
        ("leave_after = 40", "must be 1 to 39"),
        ("paired = false", "the direct arm shows"),
    ] {
        let found = mistakes(&with(keys), &[]).join("\n");
        assert!(found.contains(message), "{keys}: {found}");
    }
    let elsewhere = with("").replace("[upstream.builtin]", "[upstream]\nurl = \"http://127.0.0.1:9\"");
    let found = mistakes(&elsewhere, &[]).join("\n");
    assert!(found.contains("needs the bundled upstream"), "{found}");
}
