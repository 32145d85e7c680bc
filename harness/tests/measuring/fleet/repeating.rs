//! Attempts of one run on joined nodes, which stay for all of them and no longer.

use std::process::Stdio;
use std::time::Duration;

use super::is_exact;
use super::joined::{Fleet, Node};
use crate::alone;
use crate::retries::wrong_once_target;
use crate::support::waiting::{eventually, journal};
use crate::support::{Scratch, newest, ran};

const CAPACITY: &str = "[stage.capacity]\nrounds = 6\nvus = 8\nwarmup = \"100ms\"\nwindow = \"200ms\"\n";

/// Much longer than any of these tests takes.
const LONG: &str = "[stage.capacity]\nrounds = 500\nvus = 8\nwarmup = \"50ms\"\nwindow = \"200ms\"\n";

/// The time in which a node must end that has no run any more.
const SOON: Duration = Duration::from_secs(5);

/// Returns a fleet whose scenario has this instead of `right`.
fn with(stages: &str, right: &str, wrong: &str) -> Fleet {
    let mut fleet = Fleet::new(vec![Node::default(); 2], &[], stages);
    assert!(fleet.scenario.contains(right), "{}", fleet.scenario);
    fleet.scenario = fleet.scenario.replace(right, wrong);
    fleet
}

/// Returns a fleet whose preflight never finds what it expects, so that every attempt is INVALID.
fn always_invalid() -> Fleet {
    with(CAPACITY, "present = [\"/result\"]", "present = [\"/resultat\"]")
}

/// Returns of how many instances a node says that it sent the load.
fn instances(said: &str) -> Option<u64> {
    said.split("sent the load of ").nth(1)?.split(' ').next()?.parse().ok()
}

#[test]
fn the_same_nodes_take_part_in_every_attempt_and_leave_after_the_last() {
    let _alone = alone();
    let fleet = always_invalid();
    let (scratch, nodes) = (Scratch::new(), fleet.start());
    let output = fleet.command(&scratch).args(["--retry-invalid", "2"]).output().unwrap();
    let ran = ran(scratch, output);
    ran.expect_code(6);
    let record = ran.record();
    assert_eq!((record.retries.len(), record.fleet.unwrap().nodes.len()), (2, 2), "{}", ran.stderr);
    for node in nodes {
        let output = node.output(SOON);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && instances(&said).is_some_and(|number| number >= 3), "{said}");
    }
}

#[test]
fn an_attempt_after_an_invalid_one_measures_with_all_nodes() {
    let _alone = alone();
    let scratch = Scratch::new();
    let target = wrong_once_target(&scratch);
    let fleet = with(CAPACITY, "builtin:sidecar", target.to_str().unwrap());
    let _nodes = fleet.start();
    // The host may disturb further attempts; the first one is INVALID by the target.
    let output = fleet.command(&scratch).args(["--retry-invalid", "9"]).output().unwrap();
    let ran = ran(scratch, output);
    ran.expect_code(0);
    let record = ran.record();
    assert!(record.retries[0].reasons[0].contains("wrong body"), "{:?}", record.retries);
    is_exact(&ran.stage("capacity"));
}

#[test]
fn a_control_that_is_killed_in_a_later_attempt_leaves_no_node_behind() {
    let _alone = alone();
    let fleet = always_invalid();
    let (scratch, mut nodes) = (Scratch::new(), fleet.start());
    let mut command = fleet.command(&scratch);
    command.args(["--retry-invalid", "9"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut run = command.spawn().unwrap();
    let out = scratch.0.join("out");
    let is_repeated = || newest(&out).is_some_and(|folder| folder.to_string_lossy().contains("-retry-"));
    eventually("a second attempt", || is_repeated() || run.try_wait().unwrap().is_some());
    run.kill().unwrap();
    assert!(!run.wait().unwrap().success() && is_repeated());
    assert!(nodes.iter_mut().all(|node| node.ends_within(SOON)), "a node goes on");
}

#[test]
fn a_run_that_lost_a_node_is_not_repeated_and_says_why() {
    let _alone = alone();
    let fleet = Fleet::new(vec![Node::default(); 2], &[], LONG);
    let (scratch, mut nodes) = (Scratch::new(), fleet.start());
    let mut command = fleet.command(&scratch);
    command.args(["--retry-invalid", "2"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = command.spawn().unwrap();
    let out = scratch.0.join("out");
    eventually("the first trial", || run.try_wait().unwrap().is_some() || journal(&out).contains("\n{\"trial\":"));
    nodes[1].0.kill().unwrap();
    let output = run.wait_with_output().unwrap();
    let ran = ran(scratch, output);
    ran.expect_code(6);
    assert!(ran.record().retries.is_empty());
    assert!(ran.stderr.contains("was not measured again"), "{}", ran.stderr);
    assert!(nodes[0].ends_within(SOON), "the other node goes on");
}
