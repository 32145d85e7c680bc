//! Stage `upload` against the reference sidecar, whose rate and whose memory are set by flags.

use crate::alone;
use crate::support::{Ran, measured, settled, sidecar};

const MIB: f64 = 1_048_576.0;
/// Bytes of each upload.
const SIZE: u64 = 10 << 20;

/// Returns a stage of six short rounds. The upstream counts the bytes of each body.
fn uploads(more: &str) -> String {
    format!(
        "[stage.upload]\nrounds = 6\nwarmup = \"300ms\"\nwindow = \"700ms\"\n{more}\n\
         request = {{ method = \"POST\", path = \"/sink\", headers = {{ content-type = \"application/octet-stream\" }}, \
         stream = {{ size = \"10MiB\" }}, expect = {{ status = 200, json = {{ equals = {{ \"/bytes\" = {SIZE} }} }} }} }}\n"
    )
}

fn without_errors(scenario: &str) -> Ran {
    let ran = measured(scenario);
    ran.expect_code(0);
    assert_eq!(ran.metric("errors/upload_percent"), Some(0.0), "{}", ran.stdout);
    ran
}

#[test]
fn a_sidecar_that_passes_50_megabytes_per_second_is_found_as_such_and_holds_nothing() {
    let _alone = alone();
    let scenario = sidecar(&["--body-rate", "50MB"], &uploads(""));
    let mut first = Some(without_errors(&scenario));
    let flat = first.as_ref().unwrap().value("memory/transfer_growth");
    assert!(flat < 5.0 * MIB, "{flat} bytes");
    let share = first.as_ref().unwrap().value("throughput/upload_direct_percent");
    assert!(share < 80.0, "the upstream takes more than 50 MB/s: {share} %");
    settled("MB/s ÷ 50", 0.98..=1.02, || {
        first.take().unwrap_or_else(|| without_errors(&scenario)).value("throughput/upload_mbs") / 50.0
    });
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_sidecar_that_holds_whole_bodies_is_found_as_such() {
    let _alone = alone();
    // A client is not slowed by the upstream, which reads at 50 MB/s, but waits for the answer.
    let slow = "paired = false\nupstream = { args = [\"--read-rate\", \"50MB\"] }";
    let held = without_errors(&sidecar(&["--hold-bodies"], &uploads(slow)));
    let growth = held.value("memory/transfer_growth");
    assert!(growth >= SIZE as f64, "{growth} bytes");
    let passed = without_errors(&sidecar(&[], &uploads(slow)));
    let growth = passed.value("memory/transfer_growth");
    assert!(growth < 5.0 * MIB, "a slow upstream fills the target: {growth} bytes");
    // The upstream is the limit with and without the sidecar.
    settled("MB/s ÷ 50", 0.95..=1.02, || passed.value("throughput/upload_mbs") / 50.0);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn the_rate_is_found_over_http2_as_well() {
    let _alone = alone();
    let scenario = sidecar(&["--body-rate", "50MB"], &uploads("wire = \"h2c\""));
    settled("MB/s ÷ 50", 0.98..=1.02, || without_errors(&scenario).value("throughput/upload_mbs") / 50.0);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn the_time_to_the_interim_answer_is_found() {
    let _alone = alone();
    // The sidecar asks for the body after its delay.
    let scenario = sidecar(&["--add-latency", "20ms"], &uploads("").replace("\"10MiB\"", "\"10MiB\", continue = true"));
    settled("ms ÷ 20", 1.0..=1.1, || without_errors(&scenario).value("upload/continue_p50") / 20.0);
}
