//! Scenarios with a target in a pod, and their runs in the stand-in.

use std::net::TcpListener;
use std::process::Command;

use crate::cluster::Cluster;
use crate::support::{Ran, Scratch, ran, run_command, sidecar};

/// Three launches: each makes a pod.
pub(super) const STARTUP: &str = "[stage.startup]\nlaunches = 3\n";

/// Six short rounds at a rate that a shared two-core machine carries with ease.
pub(super) const OVERHEAD: &str =
    "[stage.overhead]\nrounds = 6\nrate = \"400/s\"\nconnections = 8\nwarmup = \"100ms\"\nwindow = \"400ms\"\n";

/// Nodes and target on one machine disturb each other, so their limits are wide.
const AUDIT: &str = "[audit]\nskew = \"100ms\"\nclock_error = \"100ms\"\nstall = \"100%\"\nupstream_stall = \"50%\"\nthrottled = \"100%\"\n";

const FLEET: &str =
    "[fleet]\nengine = \"kubernetes\"\nnodes = 2\nimage = \"harness:stand-in\"\nco_located = true\nwait = \"30s\"\n";

const POD: &str = "[target.pod]\nlimits = { cpus = 0.5, memory = \"128MiB\" }\n";

/// Returns the reference sidecar with these flags and stages in a pod, with a load of two nodes. The pods of the stand-in share an address, so
/// its ports are free ones of this machine.
pub(super) fn in_pod(flags: &[&str], stages: &str) -> String {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [proxy, admin] = listeners.map(|listener| listener.local_addr().unwrap().port().to_string());
    let scenario = sidecar(flags, stages);
    assert!(scenario.contains("[target.process]\n") && scenario.contains("[audit]\n"));
    let scenario = scenario.replace("[target.process]\n", POD).replace("[audit]\n", AUDIT);
    let scenario = scenario.replace("http://127.0.0.1:{port", "http://{pod}:{port");
    let scenario = scenario.replace("127.0.0.1:{port", "0.0.0.0:{port");
    format!("{}\n{FLEET}", scenario.replace("{port.proxy}", &proxy).replace("{port.admin}", &admin))
}

/// Returns the command of a run in a cluster.
pub(super) fn command_on(cluster: &Cluster, scratch: &Scratch, scenario: &str) -> Command {
    let mut command = run_command(scratch, scenario);
    cluster.serves(&mut command);
    command
}

/// Runs a scenario in a cluster to its end.
pub(super) fn run_on(cluster: &Cluster, scenario: &str) -> Ran {
    let scratch = Scratch::new();
    let output = command_on(cluster, &scratch, scenario).output().unwrap();
    ran(scratch, output)
}
