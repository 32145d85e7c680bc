//! The Jobs of a run: the hub, which owns the rest, and the nodes.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use harness_base::units::Nanos;
use serde_json::{Value, json};

use super::common::{Common, HUB, NODE, Owner, labels, metadata, pod_spec, prefix};
use super::container::{Size, cpu, memory, ours, quantities, reads_secret, secret_volume};

/// The port of the hub's pod at which control reaches it, on loopback.
pub const HUB_PORT: u16 = 7410;
/// The port of the hub's pod at which nodes and agents reach it.
pub const FLEET_PORT: u16 = 7411;

/// What Kubernetes reserves for the hub. It has no limits: a throttled hub would delay every start of a trial.
const HUB_SIZE: Size = Size { cpus: 0.25, memory_bytes: 128 << 20 };
/// The seconds after which Kubernetes removes an ended Job, and with the hub's all that it owns.
const KEPT_SECONDS: u64 = 60;
/// The seconds from SIGTERM to SIGKILL.
const GRACE_SECONDS: u64 = 1;

/// The nodes of a fleet.
#[derive(Debug, Clone, Copy)]
pub struct Nodes {
    pub nodes: u64,
    /// The address at which the nodes reach the hub.
    pub hub: SocketAddr,
    /// How long a node dials the hub.
    pub wait: Nanos,
    /// The CPUs that each node may use; all if absent.
    pub cpus: Option<f64>,
    /// The memory that each node may use; all if absent.
    pub memory_bytes: Option<u64>,
}

/// Returns the Job of the hub. Everything else of the run refers to it as its owner. It ends when control's connection ends, and at the
/// deadline at the latest.
pub fn hub(common: &Common<'_>) -> Value {
    let args = ["__hub".to_owned(), "--port".to_owned(), HUB_PORT.to_string()];
    let mut container = ours(HUB, common.image, &args);
    container["resources"] = json!({ "requests": quantities(HUB_SIZE) });
    let mut pod = pod_spec(common);
    pod["terminationGracePeriodSeconds"] = json!(GRACE_SECONDS);
    pod["containers"] = json!([container]);
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(common, &format!("{}-hub", prefix(common.run_id)), HUB, None),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": seconds(common.deadline),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": { "metadata": { "labels": labels(common.run_id, HUB) }, "spec": pod },
        },
    })
}

/// Returns the Job of the nodes, one pod for each. A pod that ends is not started again, and ends no other: a fleet that changes within
/// a run measures nothing.
pub fn nodes(common: &Common<'_>, owner: &Owner, nodes: &Nodes) -> Value {
    let args = ["node", "join", &nodes.hub.to_string(), "--wait", &nodes.wait.notation()].map(str::to_owned);
    let mut container = ours(NODE, common.image, &args);
    reads_secret(&mut container);
    if let Some(resources) = resources(nodes) {
        container["resources"] = resources;
    }
    let mut pod = pod_spec(common);
    pod["terminationGracePeriodSeconds"] = json!(GRACE_SECONDS);
    pod["containers"] = json!([container]);
    pod["volumes"] = json!([secret_volume(common)]);
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(common, &format!("{}-nodes", prefix(common.run_id)), NODE, Some(owner)),
        "spec": {
            "completionMode": "Indexed",
            "completions": nodes.nodes,
            "parallelism": nodes.nodes,
            "backoffLimitPerIndex": 0,
            "activeDeadlineSeconds": seconds(common.deadline),
            "template": { "metadata": { "labels": labels(common.run_id, NODE) }, "spec": pod },
        },
    })
}

/// Returns requests equal to the limits, as far as a node has limits.
fn resources(nodes: &Nodes) -> Option<Value> {
    let cpu = nodes.cpus.map(|cpus| ("cpu", cpu(cpus)));
    let memory = nodes.memory_bytes.map(|bytes| ("memory", memory(bytes)));
    let given: BTreeMap<&str, String> = cpu.into_iter().chain(memory).collect();
    (!given.is_empty()).then(|| json!({ "requests": given, "limits": given }))
}

/// Rounds up to whole seconds, at least one.
fn seconds(span: Nanos) -> u64 {
    span.0.div_ceil(Nanos::from_secs(1).0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::sample;

    fn common(node_selector: &BTreeMap<String, String>) -> Common<'_> {
        Common { deadline: Nanos::from_millis(90_500), ..sample::common(node_selector) }
    }

    #[test]
    fn the_hub_ends_by_itself_and_is_removed_then() {
        let hub = hub(&common(&BTreeMap::new()));
        assert_eq!(hub["metadata"]["name"], "harness-r1-hub");
        assert!(hub["metadata"].get("ownerReferences").is_none());
        assert_eq!(hub["spec"]["activeDeadlineSeconds"], 91);
        assert_eq!(hub["spec"]["ttlSecondsAfterFinished"], 60);
        let pod = &hub["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["args"], json!(["__hub", "--port", "7410"]));
        assert_eq!(hub["spec"]["template"]["metadata"]["labels"]["harness.role"], "hub");
        assert_eq!(pod["restartPolicy"], "Never");
    }

    #[test]
    fn each_node_is_one_pod_that_is_started_once_with_limits_and_the_secret() {
        let owner = Owner { name: "harness-r1-hub".to_owned(), uid: "u1".to_owned() };
        let mut asked = Nodes {
            nodes: 4,
            hub: SocketAddr::from(([10, 1, 2, 3], FLEET_PORT)),
            wait: Nanos::from_secs(90),
            cpus: Some(0.5),
            memory_bytes: None,
        };
        let selector = BTreeMap::new();
        let job = nodes(&common(&selector), &owner, &asked);
        let spec = &job["spec"];
        assert_eq!((&spec["completions"], &spec["parallelism"]), (&json!(4), &json!(4)));
        assert_eq!((&spec["completionMode"], &spec["backoffLimitPerIndex"]), (&json!("Indexed"), &json!(0)));
        assert_eq!(job["metadata"]["ownerReferences"][0]["name"], "harness-r1-hub");
        let pod = &spec["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(container["args"], json!(["node", "join", "10.1.2.3:7411", "--wait", "90s"]));
        assert_eq!(container["resources"], json!({ "requests": { "cpu": "500m" }, "limits": { "cpu": "500m" } }));
        assert_eq!(container["env"][0]["value"], "/run/harness/harness-fleet");
        assert_eq!(pod["volumes"][0]["secret"]["secretName"], "harness-r1-secret");
        asked.cpus = None;
        let job = nodes(&common(&selector), &owner, &asked);
        assert!(job["spec"]["template"]["spec"]["containers"][0].get("resources").is_none());
    }
}
