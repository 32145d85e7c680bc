//! Answers that are streams of server-sent events, whose number and spacing the mock upstream has from its flags.

use crate::alone;
use crate::support::{measured, recovered, run, sidecar};

/// Returns a stage whose answers are five events, one every 20 ms, of which `expected` are expected.
fn stage(expected: u64) -> String {
    format!(
        "[stage.overhead]\nrounds = 6\nrate = \"50/s\"\nconnections = 20\nwarmup = \"200ms\"\nwindow = \"500ms\"\n\
         upstream = {{ args = [\"--sse-events\", \"5\", \"--sse-interval\", \"20ms\"] }}\n\
         request = {{ path = \"/sse\", expect = {{ status = 200, events = {expected} }} }}\n"
    )
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn the_spacing_of_events_is_found_and_the_first_does_not_wait_for_the_last() {
    let _alone = alone();
    let mut first = Some(measured(&sidecar(&[], &stage(5))));
    let ran = first.as_ref().unwrap();
    ran.expect_code(0);
    // The last event comes 80 ms after the first.
    let (begun, ended) = (ran.value("events/first_p50"), ran.value("latency/p50"));
    assert!(begun < 20.0 && ended > 80.0, "{begun} ms to the first event, {ended} ms to the last");
    assert!(ran.value("overhead/first_event_p50") < 10.0);
    let recorded = ran.stage("overhead");
    let load = &recorded.valid_rounds().next().unwrap().trials[0].load;
    assert_eq!(load.events.as_ref().unwrap().count, 5 * load.outcomes.ok);
    recovered(0.05, "gap of events, in ms", || {
        let ran = first.take().unwrap_or_else(|| measured(&sidecar(&[], &stage(5))));
        (ran.value("events/gap_p50"), 20.0)
    });
}

#[test]
fn an_answer_with_another_number_of_events_is_an_error() {
    let _alone = alone();
    let ran = run(&sidecar(&[], &stage(6)));
    // The upstream itself is wrong, so the preflight ends the run.
    ran.expect_code(6);
    assert!(ran.shows("5 events instead of 6"), "{}", ran.stdout);
}
