//! Tests that a host which disturbs a run costs time or the run, and never truth.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use crate::alone;
use crate::limits::groups_can_be_made;
use crate::support::{Scratch, harness, measured, newest, ran, run, sidecar};
use harness::measure::{Check, ResourceLimits, RoundStatus, Rule, StageStatus};
use harness_rig::cgroup::{Own, name};

/// Busy loops, which are killed at the end.
struct Busy(Vec<Child>);

impl Busy {
    fn new(loops: usize) -> Self {
        let one = |_| Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        Self((0..loops).map(one).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.kill().and_then(|()| child.wait()));
        }
    }
}

/// Returns a scenario with the default limit for the CPU time of other processes, which other tests widen.
fn strict(stages: &str) -> String {
    sidecar(&[], stages).replace("foreign_cpu = \"100%\"", "foreign_cpu = \"10%\"")
}

#[test]
fn launches_beside_busy_loops_are_repeated_and_never_counted() {
    let _alone = alone();
    let busy = Busy::new(4);
    let ran = run(&strict("[stage.startup]\nlaunches = 3\n"));
    ran.expect_code(6);
    assert!(ran.shows("4 of 4 launches disturbed"), "{}", ran.stdout);
    let named = busy.0.iter().any(|child| ran.shows(&format!("sh (pid {}) used", child.id())));
    assert!(named, "the disturber is named: {}", ran.stdout);
    assert!(ran.metric("startup/to_ready").is_none(), "{}", ran.stdout);
    let launches = ran.stage("startup").instances;
    let rules: Vec<Rule> = launches.iter().flat_map(|launch| &launch.left_out).map(Check::rule).collect();
    assert!(launches.len() == 4 && rules.contains(&Rule::ForeignCpu), "{rules:?}");
}

#[test]
fn a_cpu_quota_that_throttles_the_harness_is_named() {
    let _alone = alone();
    let limits = ResourceLimits { cpus: Some(0.4), ..ResourceLimits::default() };
    if !groups_can_be_made("a_cpu_quota_that_throttles_the_harness_is_named") {
        return;
    }
    let group = Own::create(&name(4_000), &limits).unwrap();
    let directory = group.places().cpu.clone().unwrap().path;
    let scratch = Scratch::new();
    let file = scratch.0.join("scenario.toml");
    std::fs::write(
        &file,
        sidecar(&[], "[stage.capacity]\nrounds = 6\nvus = 4\nwarmup = \"100ms\"\nwindow = \"300ms\"\n"),
    )
    .unwrap();
    let script = format!("echo $$ > {}/cgroup.procs && exec \"$0\" \"$@\"", directory.display());
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(harness().get_program()).args(["run", "--verbose"]).arg(&file);
    let output = command.arg("--out").arg(scratch.0.join("out")).process_group(0).output().unwrap();
    assert!(newest(&scratch.0.join("out")).is_some(), "{}", String::from_utf8_lossy(&output.stderr));
    let ran = ran(scratch, output);
    drop(group);
    ran.expect_code(6);
    assert!(ran.shows("the CPU quota of the harness throttled it for"), "{}", ran.stdout);
    assert!(matches!(ran.stage("capacity").status, StageStatus::Invalid(_)));
    let record = ran.record();
    assert!(record.host.cpu_quota.is_some_and(|quota| (quota - 0.4).abs() < 0.01), "{:?}", record.host.cpu_quota);
}

#[test]
fn a_target_that_takes_the_cpus_in_bursts_is_neither_dropped_nor_improved() {
    let _alone = alone();
    let stages =
        "[stage.overhead]\nrounds = 10\nrate = \"500/s\"\nconnections = 8\nwarmup = \"50ms\"\nwindow = \"250ms\"\n";
    let flags = ["--answer-after", "2ms", "--burn-forever", "2", "--burn-pause", "300ms"];
    let ran = measured(&sidecar(&flags, stages));
    ran.expect_code(0);
    let rounds = ran.stage("overhead").instances.into_iter().flat_map(|instance| instance.rounds);
    let rejected = rounds.filter(|round| round.status == RoundStatus::Rejected).count();
    assert!(rejected <= 2, "{rejected} rounds were rejected: {}", ran.stdout);
    // A quarter of the time, which p95 must show and p50 must not.
    let (p50, p95) = (ran.value("latency/p50"), ran.value("latency/p95"));
    assert!((2.0..3.5).contains(&p50) && p95 > p50, "p50 {p50} ms, p95 {p95} ms");
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_pause_of_the_target_that_only_old_instances_have_is_in_the_tails() {
    let _alone = alone();
    // The rounds take 3 s. In the 12 s after them, a freeze of 300 ms every 4 s, the first at 5 s, delays 5 to 7.5 % of the requests by up
    // to 300 ms: p99 is 300 × (1 − 1/5) = 240 to 260 ms, and some more for the requests that wait behind them.
    let stages = "[stage.overhead]\nrounds = 6\nrate = \"500/s\"\nconnections = 8\nwarmup = \"50ms\"\nwindow = \"150ms\"\n\
                  tail_window = \"12s\"\n[targets]\n\"latency/p95\" = { limit = \"< 1s\", age = \"10m\" }\n";
    let frozen = ["--freeze-at", "5s", "--freeze-for", "300ms", "--freeze-every", "4s"];
    let ran = measured(&sidecar(&frozen, stages));
    let p99 = ran.value("latency/p99");
    assert!((200.0..330.0).contains(&p99), "{p99} ms: {}", ran.stdout);
    assert!(ran.shows("the target was observed up to an age of"), "{}", ran.stdout);
}
