//! Stage `connections` against the reference sidecar: what its metrics say, and what other counters and clocks say.

use crate::alone;
use crate::support::{Ran, measured, recovered, recovered_from, settled, sidecar, sidecar_on_tls};
use harness::measure::Arm;
use harness::measure::trial::TrialRecord;

/// Returns a stage of six short rounds.
fn stage(name: &str, more: &str) -> String {
    format!("[stage.{name}]\nkind = \"connections\"\nrounds = 6\nwarmup = \"100ms\"\nwindow = \"300ms\"\n{more}\n")
}

/// Returns the trials of the valid rounds of a stage.
fn trials(ran: &Ran, stage: &str) -> Vec<TrialRecord> {
    let stage = ran.stage(stage);
    let trials: Vec<TrialRecord> = stage.valid_rounds().flat_map(|round| round.trials.clone()).collect();
    assert!(trials.len() >= 6, "{} trials", trials.len());
    trials
}

/// Checks the counts of every trial: the ledger, and connections against requests.
fn assert_counts(ran: &Ran, stage: &str, requests: u64, users: u64) {
    for trial in trials(ran, stage) {
        let found = trial.load.connections.as_deref().unwrap();
        let ledger = trial.ledger.unwrap();
        assert_eq!((ledger.upstream_hits, trial.load.outcomes.errors()), (ledger.sent, 0), "{:?}", trial.load.examples);
        let (sent, opened) = (ledger.sent, found.established_total);
        assert!((opened - users) * requests <= sent && sent <= opened * requests, "{sent} requests over {opened}");
        assert_eq!((found.failed, trial.load.reconnects), (0, 0), "{found:?}");
        let whole = trial.load.completed_in_window / requests;
        assert!(found.completed_in_window.abs_diff(whole) <= users, "{found:?}, {whole}");
    }
}

#[test]
fn full_and_resumed_handshakes_of_the_sidecar() {
    let _alone = alone();
    let users = "vus = 2\npaired = false\n";
    let stages = [stage("connections", users), stage("full", &format!("{users}resumption = false\n"))].concat();
    let scenario = sidecar_on_tls(&[], &stages);
    let ran = measured(&scenario);
    ran.expect_code(0);
    for (name, suffix) in [("connections", ""), ("full", "@full")] {
        assert_counts(&ran, name, 1, 2);
        let of = |id: &str| ran.value(&format!("{id}{suffix}"));
        // With one request each, a handshake of the window becomes a completed connection, up to the users at its edges.
        let (handshakes, completed) = (of("connections/handshakes_per_second"), of("connections/per_second"));
        assert!((handshakes / completed - 1.0).abs() < 0.1, "{handshakes} and {completed} per second");
        let (connect, response) = (of("connect/p50"), of("latency/connections_p50"));
        assert!(connect < response, "{connect} ms of {response} ms");
        assert_eq!(ran.metric(&format!("errors/connections_percent{suffix}")), Some(0.0));
    }
    assert!(ran.value("connections/resumed_percent") > 99.0);
    assert_eq!(ran.metric("tls/handshake_p50"), None);
    for id in ["connections/resumed_percent@full", "tls/handshake_resumed_p50@full", "overhead/connections_p50@full"] {
        assert_eq!(ran.metric(id), None, "{id}");
    }
    assert!(ran.value("tls/handshake_p50@full") > 0.0 && ran.value("tls/handshake_resumed_p50") > 0.0);
    // A resumed handshake has no signature: 0.4 to 0.7 here.
    let mut first = Some(ran);
    settled("CPU time of a resumed connection ÷ full", 0.05..=0.95, || {
        let ran = first.take().unwrap_or_else(|| measured(&scenario));
        ran.value("cpu/us_per_connection") / ran.value("cpu/us_per_connection@full")
    });
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn one_and_five_requests_per_connection_agree_with_the_ledger_on_both_arms() {
    let _alone = alone();
    let stages = [
        stage("connections", "vus = 4\n"),
        stage("five", "vus = 4\nrequests_per_connection = 5\n"),
        stage("paced", "rate = \"300/s\"\nconnections = 10\n"),
    ];
    let ran = measured(&sidecar(&[], &stages.concat()));
    ran.expect_code(0);
    for (name, requests, users) in [("connections", 1, 4), ("five", 5, 4), ("paced", 1, 10)] {
        assert_counts(&ran, name, requests, users);
        assert!(trials(&ran, name).iter().any(|trial| trial.arm == Arm::Direct));
    }
    // The rate of a paced stage was given, and arms at their limits have no overhead.
    assert!(ran.metric("connections/per_second@paced").is_none() && ran.metric("overhead/connections_p50").is_none());
    assert!(ran.metric("overhead/connections_p50@paced").is_some(), "{}", ran.stdout);
    assert_eq!(ran.metric("connections/handshakes_per_second"), None);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_millisecond_of_added_latency_is_recovered_with_new_connections() {
    let _alone = alone();
    let paced = stage("connections", "rate = \"200/s\"\nconnections = 10\n").replace("300ms", "1s");
    let pair = || ["500us", "1500us"].map(|added| measured(&sidecar(&["--add-latency", added], &paced)));
    let first = pair();
    let added = |ran: &Ran| ran.truths.last().unwrap()["added_request_ns"]["median"].as_f64().unwrap() / 1e6;
    for (share, id) in [(0.10, "overhead/connections_p50"), (0.15, "latency/connections_p50")] {
        let found = |[less, more]: &[Ran; 2]| (more.value(id) - less.value(id), added(more) - added(less));
        recovered_from(share, id, &first, pair, found);
    }
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn cpu_burned_per_request_is_recovered_per_connection() {
    let _alone = alone();
    let paced =
        stage("connections", "rate = \"200/s\"\nconnections = 10\nrequests_per_connection = 2\npaired = false\n");
    // Two requests each.
    let burned_us = |ran: &Ran| {
        let burned = &ran.truths.last().unwrap()["burned_cpu_ns"];
        2.0 * burned["sum"].as_f64().unwrap() / burned["count"].as_f64().unwrap() / 1e3
    };
    recovered(0.10, "cpu/us_per_connection", || {
        let [less, more] = ["200us", "1ms"].map(|burn| measured(&sidecar(&["--burn", burn], &paced)));
        let id = "cpu/us_per_connection";
        (more.value(id) - less.value(id), burned_us(&more) - burned_us(&less))
    });
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn direct_against_direct_contains_0() {
    let _alone = alone();
    let paced = stage("connections", "rate = \"300/s\"\nconnections = 10\n").replace("rounds = 6", "rounds = 10");
    let scenario =
        sidecar(&[], &paced).replace("proxy = \"http://127.0.0.1:{port.proxy}\"", "proxy = \"{upstream.url}\"");
    // An interval of 95 % misses 0 once in twenty; three of five once in a thousand.
    settled("whether the interval contains 0", 1.0..=1.0, || {
        let ran = measured(&scenario);
        let metrics = ran.judgement()["metrics"].as_array().unwrap();
        let overhead = metrics.iter().find(|metric| metric["id"] == "overhead/connections_p50").unwrap();
        let interval = &overhead["value"]["estimated"]["estimate"]["interval"];
        let (low, high) = (interval["low"].as_f64().unwrap(), interval["high"].as_f64().unwrap());
        eprintln!("[{low}, {high}] ms");
        f64::from(u8::from(low <= 0.0 && 0.0 <= high))
    });
}
