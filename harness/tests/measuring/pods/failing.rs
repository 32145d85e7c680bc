//! Runs that fail: control is killed, the target dies, and the API refuses.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::nothing_is_left;
use super::scenario::{OVERHEAD, STARTUP, command_on, in_pod, run_on};
use crate::alone;
use crate::cluster::{Cluster, Faults};
use crate::support::waiting::{comes_true, eventually, journal};
use crate::support::{Ran, Scratch, ran};

/// Much longer than any of these tests takes.
const LONG: &str = "[stage.capacity]\nrounds = 500\nvus = 8\nwarmup = \"50ms\"\nwindow = \"200ms\"\n";

/// The time in which a cluster must be empty after control was killed. The stand-in removes an ended Job after a second.
const SOON: Duration = Duration::from_secs(10);

/// A run whose load is under way.
struct UnderWay {
    scratch: Scratch,
    run: Child,
}

impl UnderWay {
    fn start(cluster: &Cluster, scenario: &str) -> Self {
        let scratch = Scratch::new();
        let mut command = command_on(cluster, &scratch, scenario);
        let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut under_way = Self { scratch, run };
        let mut has_ended = false;
        eventually("the first trial in a pod", || {
            has_ended = under_way.run.try_wait().unwrap().is_some();
            has_ended || journal(&under_way.scratch.0.join("out")).contains("\n{\"trial\":")
        });
        if has_ended {
            let ran = under_way.end();
            panic!("the run has ended: {}\n{}", ran.stdout, ran.stderr);
        }
        under_way
    }

    fn end(self) -> Ran {
        let output = self.run.wait_with_output().unwrap();
        ran(self.scratch, output)
    }
}

#[test]
fn a_killed_control_leaves_nothing_in_the_cluster() {
    let _alone = alone();
    let Some(cluster) = Cluster::start("killed control", Faults::default()) else { return };
    let mut under_way = UnderWay::start(&cluster, &in_pod(&[], LONG));
    assert!(cluster.left().iter().any(|left| left.starts_with("pods/")));
    under_way.run.kill().unwrap();
    under_way.run.wait().unwrap();
    let begun = Instant::now();
    comes_true(|| cluster.left().is_empty() || begun.elapsed() > SOON);
    assert_eq!(cluster.left(), [""; 0]);
    eprintln!("nothing was left after {:?}", begun.elapsed());
}

#[test]
fn a_target_that_is_killed_in_its_pod_ends_the_run() {
    let _alone = alone();
    let Some(cluster) = Cluster::start("killed target", Faults::default()) else { return };
    let under_way = UnderWay::start(&cluster, &in_pod(&[], LONG));
    let processes = cluster.processes("-target-", "target");
    assert!(!processes.is_empty());
    for pid in processes {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    let ran = under_way.end();
    ran.expect_code(5);
    assert!(!ran.stage("capacity").instances[0].rounds.is_empty(), "rounds before its death are kept");
    nothing_is_left(&cluster);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_stopped_agent_ends_the_run_instead_of_its_numbers() {
    let _alone = alone();
    let Some(cluster) = Cluster::start("stopped agent", Faults::default()) else { return };
    let under_way = UnderWay::start(&cluster, &in_pod(&[], LONG));
    for pid in cluster.processes("-target-", "harness-agent") {
        kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    }
    let ran = under_way.end();
    ran.expect_code(4);
    assert!(ran.shows("the agent of the pod was lost"), "{}\n{}", ran.stdout, ran.stderr);
    nothing_is_left(&cluster);
}

#[test]
fn a_target_that_uses_up_the_memory_of_its_container_ends_the_run() {
    let _alone = alone();
    let Some(cluster) = Cluster::start("memory", Faults::default()) else { return };
    // A plain container of a pod is not started again.
    let plain = in_pod(&["--leak-per-request", "1MiB"], OVERHEAD)
        .replace("[target.pod]\n", "[target.pod]\nsidecar = \"plain\"\n");
    let ran = run_on(&cluster, &plain);
    ran.expect_code(5);
    assert!(ran.shows("OOM-killed"), "{}\n{}", ran.stdout, ran.stderr);
    nothing_is_left(&cluster);
}

/// Runs in a cluster with a fault, which must end the run with all of these words, and with nothing left of it.
fn fails(faults: Faults, words: &[&str]) {
    let Some(cluster) = Cluster::start("faults", faults.clone()) else { return };
    let ran = run_on(&cluster, &in_pod(&[], STARTUP).replace("wait = \"30s\"", "wait = \"5s\""));
    ran.expect_code(4);
    for word in words {
        assert!(ran.shows(word), "{faults:?}: {word:?} is not in:\n{}\n{}", ran.stdout, ran.stderr);
    }
    // What was in the way belongs to another run.
    let is_mine = |left: &String| faults.occupied.is_none_or(|resource| !left.starts_with(resource));
    eventually("nothing of the run is left", || !cluster.left().iter().any(is_mine));
}

#[test]
fn a_right_that_is_missing_is_named_with_the_command_that_prints_the_role() {
    let _alone = alone();
    for (verb, resource) in [("create", "jobs"), ("create", "secrets"), ("create", "pods"), ("get", "pods/portforward")]
    {
        fails(Faults { without: Some((verb, resource)), ..Faults::default() }, &[verb, resource, "harness fleet rbac"]);
    }
}

#[test]
fn an_object_that_exists_already_is_named() {
    let _alone = alone();
    fails(Faults { occupied: Some("jobs"), ..Faults::default() }, &["-hub", "already"]);
    fails(Faults { occupied: Some("secrets"), ..Faults::default() }, &["-secret", "already"]);
}

#[test]
fn an_image_that_cannot_be_pulled_is_named_in_the_words_of_kubernetes() {
    let _alone = alone();
    fails(Faults { no_image: Some("node"), ..Faults::default() }, &["ImagePullBackOff", "harness:stand-in", "of 2"]);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn an_api_that_does_not_answer_is_given_up_after_half_a_minute() {
    let _alone = alone();
    let begun = Instant::now();
    fails(Faults { hang: Some(("create", "jobs")), ..Faults::default() }, &["30 s"]);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}
