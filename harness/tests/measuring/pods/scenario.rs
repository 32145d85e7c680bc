//! Scenarios with a target in a pod, and their runs in the stand-in.

use std::net::TcpListener;
use std::process::Command;

use serde_json::json;

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
    let [proxy, admin] = free_ports();
    let scenario = sidecar(flags, stages);
    assert!(scenario.contains("[target.process]\n") && scenario.contains("[audit]\n"));
    let scenario = scenario.replace("[target.process]\n", POD).replace("[audit]\n", AUDIT);
    let scenario = scenario.replace("http://127.0.0.1:{port", "http://{pod}:{port");
    let scenario = scenario.replace("127.0.0.1:{port", "0.0.0.0:{port");
    format!("{}\n{FLEET}", scenario.replace("{port.proxy}", &proxy).replace("{port.admin}", &admin))
}

/// Returns the same as [`in_pod`], with a manifest beside the scenario in which the sidecar is the container `proxy`.
pub(super) fn by_manifest(scratch: &Scratch, stages: &str) -> String {
    let [proxy, admin, app] = free_ports();
    let size = json!({ "cpu": "500m", "memory": "128Mi" });
    let container = |name: &str, args: &[&str]| json!({ "name": name, "image": "harness:stand-in", "args": args, "resources": { "requests": size, "limits": size } });
    let (at_app, at_proxy, at_admin) =
        (format!("0.0.0.0:{app}"), format!("0.0.0.0:{proxy}"), format!("0.0.0.0:{admin}"));
    let upstream = format!("http://127.0.0.1:{app}");
    let sidecar = ["__sidecar", "--listen", &at_proxy, "--admin", &at_admin, "--upstream", &upstream];
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "mine", "labels": { "team": "a" } },
        "spec": {
            "securityContext": { "runAsUser": 1000, "runAsGroup": 1000, "runAsNonRoot": true },
            "containers": [container("app", &["__upstream", "--listen", &at_app]), container("proxy", &sidecar)],
        },
    });
    std::fs::write(scratch.0.join("pod.json"), pod.to_string()).unwrap();
    let scenario = in_pod(&[], stages).replace(", upstream_hits = \"exact\"", "");
    let (before, rest) = scenario.split_once("[upstream.builtin]").unwrap();
    let (_, rest) = rest.split_once("[target]").unwrap();
    let (target, rest) = rest.split_once("[target.pod]").unwrap();
    let (_, rest) = rest.split_once("[request]").unwrap();
    format!(
        "{before}[upstream]\nurl = \"http://{{pod}}:{app}\"\n[target]{target}[target.pod]\nmanifest = \"pod.json\"\ncontainer = \"proxy\"\n\
         [target.endpoints]\nproxy = \"http://{{pod}}:{proxy}\"\nready = \"http://{{pod}}:{admin}/ready\"\n[request]{rest}"
    )
}

/// Returns ports that no process of this machine listens on.
fn free_ports<const N: usize>() -> [String; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port().to_string())
}

/// Returns the command of a run in a cluster.
pub(super) fn command_on(cluster: &Cluster, scratch: &Scratch, scenario: &str) -> Command {
    let mut command = run_command(scratch, scenario);
    cluster.serves(&mut command);
    command
}

/// Runs a scenario in a cluster to its end.
pub(super) fn run_on(cluster: &Cluster, scenario: &str) -> Ran {
    run_in(cluster, Scratch::new(), scenario)
}

/// Runs a scenario in a cluster to its end, beside other files in a folder.
pub(super) fn run_in(cluster: &Cluster, scratch: Scratch, scenario: &str) -> Ran {
    let output = command_on(cluster, &scratch, scenario).output().unwrap();
    ran(scratch, output)
}
