//! Tests that stop processes of a run while it measures. Time in which the generator or the upstream is stopped must not count as
//! latency of the target; time in which the target is stopped must.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::alone;
use crate::support::{Ran, Scratch, harness, processes_naming, ran, sidecar};

/// At least 5 % of the requests of every window are due while the process is stopped, so that its p95 and p99 are about as long as the
/// stop if they count.
const LASTS: Duration = Duration::from_millis(30);
const EVERY: Duration = Duration::from_millis(400);

const OVERHEAD: &str = r#"
[stage.overhead]
rounds = 6
rate = "1000/s"
warmup = "100ms"
window = "600ms"
"#;

/// Runs the overhead stage while every process of the run whose command line contains `command` is stopped again and again.
fn run_while_stopped(command: &str) -> Ran {
    run_stopped_for(LASTS, EVERY, command, OVERHEAD)
}

fn run_stopped_for(lasts: Duration, every: Duration, command: &str, stage: &str) -> Ran {
    scenario_stopped_for(lasts, every, command, &sidecar(&[], stage))
}

/// Runs a scenario while every process of the run whose command line contains `command` is stopped for `lasts` in each span of `every`.
pub(crate) fn scenario_stopped_for(lasts: Duration, every: Duration, command: &str, text: &str) -> Ran {
    let scratch = Scratch::new();
    let (scenario, out) = (scratch.0.join("scenario.toml"), scratch.0.join("out"));
    fs::write(&scenario, text).unwrap();
    let mut child = harness()
        .args(["run".as_ref(), "--verbose".as_ref(), scenario.as_os_str(), "--out".as_ref(), out.as_os_str()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The name of the run's temporary folder, which is in the environment of its processes, ends with the pid of control.
    let folder = PathBuf::from(format!("Z-{:05}", child.id()));
    while child.try_wait().unwrap().is_none() {
        thread::sleep(every - lasts);
        let running = processes_naming(&folder).into_iter().filter(|(_, argv)| argv.contains(command));
        let pids: Vec<Pid> = running.map(|(pid, _)| Pid::from_raw(pid.cast_signed())).collect();
        // A process may end at any time.
        let _gone = pids.iter().map(|pid| kill(*pid, Signal::SIGSTOP)).filter(Result::is_err).count();
        thread::sleep(lasts);
        let _gone = pids.iter().map(|pid| kill(*pid, Signal::SIGCONT)).filter(Result::is_err).count();
    }
    ran(scratch, child.wait_with_output().unwrap())
}

/// Requests of valid rounds that a stall of the generator overlapped.
fn stalled(ran: &Ran) -> u64 {
    let stage = ran.stage("overhead");
    let trials = stage.valid_rounds().flat_map(|round| &round.trials);
    trials.filter_map(|trial| trial.load.stalls).map(|stalls| stalls.requests).sum()
}

#[test]
fn a_stopped_generator_is_not_charged_to_the_target() {
    let _alone = alone();
    let ran = run_while_stopped("__load");
    ran.expect_code(0);
    assert!(stalled(&ran) >= 40, "{} requests in stalls\n{}", stalled(&ran), ran.stdout);
    // Half the stop: an undisturbed p99 here is 0.5 ms, and 10 ms at a load of 12.
    let half = LASTS.as_secs_f64() * 1e3 / 2.0;
    for id in ["latency/p95", "latency/p99"] {
        assert!(ran.value(id) < half, "{id} {} ms\n{}", ran.value(id), ran.stdout);
    }
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_stopped_upstream_makes_the_run_invalid_and_is_named() {
    let _alone = alone();
    let ran = run_while_stopped("__upstream");
    ran.expect_code(6);
    assert!(ran.shows("the upstream was stalled for"), "{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_stopped_relay_makes_the_run_invalid_and_is_not_charged_to_the_target() {
    let _alone = alone();
    let stage = format!("{OVERHEAD}network = {{ client = {{ delay = \"2ms\" }} }}\n");
    let ran = run_stopped_for(LASTS, EVERY, "__relay", &stage);
    ran.expect_code(6);
    assert!(ran.shows("the relay was stalled for"), "{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_short_stop_of_the_upstream_costs_rounds_and_no_truth() {
    let _alone = alone();
    let stage = OVERHEAD.replace("rounds = 6", "rounds = 20").replace("100ms", "50ms").replace("600ms", "200ms");
    let lasts = Duration::from_millis(6);
    let ran = run_stopped_for(lasts, Duration::from_secs(1), "__upstream", &stage);
    ran.expect_code(0);
    let rejected = ran.stage("overhead").rejected_rounds().count();
    assert!(rejected >= 3, "{rejected} rejected\n{}", ran.stdout);
    let p99 = ran.value("latency/p99");
    assert!(p99 < lasts.as_secs_f64() * 1e3 / 2.0, "{p99} ms\n{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_stopped_target_is_measured_as_it_is() {
    let _alone = alone();
    let ran = run_while_stopped("__sidecar");
    ran.expect_code(0);
    let p99 = ran.value("latency/p99");
    assert!(p99 >= LASTS.as_secs_f64() * 1e3 / 2.0, "{p99} ms\n{}", ran.stdout);
}
