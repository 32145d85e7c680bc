//! A pod that runs: where, since when, and with which containers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::status::{condition, lasting, name, status, statuses, text};

/// A pod that runs. Instants are RFC 3339, with the resolution of one second that Kubernetes has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodState {
    pub name: String,
    /// The Kubernetes node.
    pub node: String,
    pub address: IpAddr,
    /// The class of its resources: `Guaranteed`, `Burstable` or `BestEffort`.
    pub qos: Option<String>,
    /// The ids of the containers, without the scheme of the runtime.
    pub containers: BTreeMap<String, String>,
    pub scheduled: Option<String>,
    pub initialized: Option<String>,
    pub containers_ready: Option<String>,
    pub ready: Option<String>,
    /// When each container was started.
    pub started: BTreeMap<String, String>,
}

impl PodState {
    /// Reads a pod; `None` as long as it has no address.
    pub(super) fn of(pod: &Value) -> Option<Self> {
        let since = |kind| {
            let condition = condition(pod, kind).filter(|condition| condition["status"] == "True")?;
            condition["lastTransitionTime"].as_str().map(str::to_owned)
        };
        let each = |of: fn(&Value) -> Option<String>| -> BTreeMap<String, String> {
            statuses(pod).filter_map(|status| Some((text(&status["name"]), of(status)?))).collect()
        };
        Some(Self {
            name: name(pod),
            node: text(&pod["spec"]["nodeName"]),
            address: pod["status"]["podIP"].as_str()?.parse().ok()?,
            qos: pod["status"]["qosClass"].as_str().map(str::to_owned),
            containers: each(id),
            scheduled: since("PodScheduled"),
            initialized: since("Initialized"),
            containers_ready: since("ContainersReady"),
            ready: since("Ready"),
            started: each(started),
        })
    }

    /// Reads a pod if all containers that last as long as the pod run.
    pub(super) fn if_running(pod: &Value) -> Option<Self> {
        let runs = |container| status(pod, container).is_some_and(|status| status["state"]["running"].is_object());
        if lasting(pod).all(runs) { Self::of(pod) } else { None }
    }
}

fn id(status: &Value) -> Option<String> {
    let id = status["containerID"].as_str()?;
    Some(id.split_once("://").map_or(id, |(_, id)| id).to_owned())
}

fn started(status: &Value) -> Option<String> {
    status["state"]["running"]["startedAt"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Value {
        let running = json!({ "running": { "startedAt": "2026-11-20T18:30:07Z" } });
        let since = |kind: &str, status: &str| json!({ "type": kind, "status": status, "lastTransitionTime": "2026-11-20T18:30:05Z" });
        json!({
            "metadata": { "name": "p1" },
            "spec": {
                "nodeName": "worker-b",
                "initContainers": [{ "name": "setup" }, { "name": "agent", "restartPolicy": "Always" }],
                "containers": [{ "name": "target" }],
            },
            "status": {
                "podIP": "10.1.2.3",
                "qosClass": "Guaranteed",
                "conditions": [since("PodScheduled", "True"), since("Ready", "False")],
                "initContainerStatuses": [
                    { "name": "setup", "state": { "terminated": { "exitCode": 0 } }, "containerID": "containerd://0a" },
                    { "name": "agent", "state": running, "containerID": "containerd://1b" },
                ],
                "containerStatuses": [{ "name": "target", "state": running, "containerID": "stand-in://2c" }],
            },
        })
    }

    #[test]
    fn a_pod_runs_once_all_its_lasting_containers_run() {
        let state = PodState::if_running(&pod()).unwrap();
        assert_eq!((state.node.as_str(), state.address), ("worker-b", IpAddr::from([10, 1, 2, 3])));
        assert_eq!((state.containers["agent"].as_str(), state.containers["target"].as_str()), ("1b", "2c"));
        assert_eq!(state.started["target"], "2026-11-20T18:30:07Z");
        assert_eq!(state.scheduled.as_deref(), Some("2026-11-20T18:30:05Z"));
        assert_eq!((state.ready, state.initialized), (None, None));
        for pointer in ["/status/containerStatuses/0/state", "/status/initContainerStatuses/1/state", "/status/podIP"] {
            let mut pod = pod();
            *pod.pointer_mut(pointer).unwrap() = json!({});
            assert_eq!(PodState::if_running(&pod), None, "{pointer}");
        }
    }
}
