//! Stops processes of a run for 100 ms to 1 s at random instants while stages measure that have instants of their own: approvals, reloads, shims and
//! what targets report. A disturbed value is dropped, or the stage is INVALID and names the process; a wrong one is never published.

use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::Rng as _;

use crate::alone;
use crate::approval::{VIA_SLACK, scenario as approving, slack};
use crate::reload::stage as reloading;
use crate::scrape::{EVALUATION, scraping};
use crate::stdio::shim;
use crate::support::{Ran, Scratch, processes_naming, ran, run_command, sidecar};

/// When processes are stopped, in milliseconds.
struct Stops {
    /// The time from the end of a stop to the next.
    pause: Range<u64>,
    lasts: Range<u64>,
}

/// So often that no launch and no reload is spared.
const OFTEN: Stops = Stops { pause: 40..120, lasts: 100..300 };
const RARELY: Stops = Stops { pause: 800..2_500, lasts: 100..1_000 };

/// Runs a scenario while every process of the run whose command line contains `command` is stopped at random instants.
fn run_frozen(scenario: &str, command: &str, stops: &Stops) -> Ran {
    let scratch = Scratch::new();
    let mut child = run_command(&scratch, scenario).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The name of the run's temporary folder, which is in the environment of its processes, ends with the pid of control.
    let folder = PathBuf::from(format!("Z-{:05}", child.id()));
    let wait = |span: &Range<u64>| thread::sleep(Duration::from_millis(rand::rng().random_range(span.clone())));
    while child.try_wait().unwrap().is_none() {
        wait(&stops.pause);
        let running = processes_naming(&folder).into_iter().filter(|(_, argv)| argv.contains(command));
        let pids: Vec<Pid> = running.map(|(pid, _)| Pid::from_raw(pid.cast_signed())).collect();
        // A process may end at any time.
        let _gone = pids.iter().map(|pid| kill(*pid, Signal::SIGSTOP)).filter(Result::is_err).count();
        wait(&stops.lasts);
        let _gone = pids.iter().map(|pid| kill(*pid, Signal::SIGCONT)).filter(Result::is_err).count();
    }
    ran(scratch, child.wait_with_output().unwrap())
}

/// Checks that a metric is right, or that the run is INVALID, says these words and has no value.
fn right_or_invalid(ran: &Ran, id: &str, bounds: RangeInclusive<f64>, words: &str) {
    println!("exit {}, {id} {:?}", ran.code, ran.metric(id));
    match ran.code {
        0 => assert!(bounds.contains(&ran.value(id)), "{id} {}, expected {bounds:?}\n{}", ran.value(id), ran.stdout),
        _ => is_invalid(ran, id, words),
    }
}

fn is_invalid(ran: &Ran, id: &str, words: &str) {
    ran.expect_code(6);
    assert_eq!(ran.metric(id), None, "{}", ran.stdout);
    assert!(ran.shows(words), "{words:?} is not in\n{}", ran.stdout);
}

/// Returns a sidecar that waits `delay_ms` before it asks for approval.
fn asking_after(delay_ms: u64, stage: &str) -> String {
    let delay = format!("{delay_ms}ms");
    approving(&[&VIA_SLACK[..], &["--approve-delay", &delay]].concat(), &slack(50), stage)
}

#[test]
fn a_foreign_host_that_is_stopped_again_and_again_is_named() {
    let _alone = alone();
    let stage = "[stage.approval]\nlaunches = 1\ncount = 8\nrate = \"20/s\"\n";
    let ran = run_frozen(&asking_after(20, stage), "__egress", &OFTEN);
    is_invalid(&ran, "approval/overhead", "stalls of the foreign host overlap");
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn approvals_that_stops_made_longer_do_not_count() {
    let _alone = alone();
    let delay_ms = rand::rng().random_range(60..=120);
    let stage = "[stage.approval]\nlaunches = 6\ncount = 15\nrate = \"20/s\"\n";
    for (command, words) in
        [("__egress", "stalls of the foreign host overlap"), ("__upstream", "stalls of the upstream overlap")]
    {
        let ran = run_frozen(&asking_after(delay_ms, stage), command, &RARELY);
        // Each process on the way wakes up late after a time without work: 0.7 ms on a virtual machine.
        let delay = delay_ms as f64;
        right_or_invalid(&ran, "approval/overhead", delay..=delay * 1.1 + 10.0, words);
        right_or_invalid(&ran, "approval/decision", 0.0..=15.0, words);
    }
}

#[test]
fn an_upstream_that_is_stopped_again_and_again_during_reloads_is_named() {
    let _alone = alone();
    let stage = reloading("instances = 1\nreloads = 4\nconnections = 2\nrate = \"1000/s\"");
    let ran = run_frozen(&sidecar(&["--reload-takes", "100ms"], &stage), "__upstream", &OFTEN);
    is_invalid(&ran, "policy/reload_time", "% of a reload, limit 10");
    assert!(ran.shows("the upstream was stalled for"), "{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn reloads_that_stops_made_longer_do_not_count() {
    let _alone = alone();
    let takes_ms: u64 = rand::rng().random_range(60..=140);
    let flags = ["--reload-takes", &format!("{takes_ms}ms")];
    let stage = reloading("instances = 5\nreloads = 3\nconnections = 2\nrate = \"1000/s\"");
    for command in ["__upstream", "__load", "__keeper"] {
        let ran = run_frozen(&sidecar(&flags, &stage), command, &RARELY);
        let takes = takes_ms as f64;
        right_or_invalid(&ran, "policy/reload_time", takes..=takes * 1.1 + 6.0, "");
    }
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn rounds_of_a_shim_in_which_a_process_was_stopped_do_not_count() {
    let _alone = alone();
    let added_us = rand::rng().random_range(300..=700);
    let stage =
        "rate = \"500/s\"\nrounds = 40\ninstances = 1\nwarmup = \"50ms\"\nwindow = \"200ms\"\ntail_window = \"0s\"";
    let scenario = shim(&["--add-latency", &format!("{added_us}us")], stage);
    for command in ["__upstream", "__load"] {
        let ran = run_frozen(&scenario, command, &RARELY);
        let added = f64::from(added_us) / 1e3;
        right_or_invalid(&ran, "overhead/stdio_p50", added..=added * 1.3 + 0.2, "");
        // A stop of 100 ms or more in one of the rounds would be in it.
        right_or_invalid(&ran, "latency/stdio_p99", added..=50.0, "");
    }
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn what_a_target_reports_of_rejected_rounds_does_not_count() {
    let _alone = alone();
    let takes_us = rand::rng().random_range(110..=220);
    let metrics = format!(
        "\"policy/eval_mean\" = {{ histogram = \"{EVALUATION}\" }}\n\
         \"scrape/per_request@decisions\" = {{ counter = \"reference_sidecar_policy_decisions_total\", per = \"request\" }}"
    );
    let scenario = sidecar(&["--policy-takes", &format!("{takes_us}us")], &scraping(5, &metrics));
    let takes = f64::from(takes_us);
    for command in ["__upstream", "__load"] {
        let ran = run_frozen(&scenario, command, &RARELY);
        right_or_invalid(&ran, "policy/eval_mean", takes * 0.95..=takes * 1.1, "");
        right_or_invalid(&ran, "scrape/per_request@decisions", 0.999..=1.001, "");
    }
}
