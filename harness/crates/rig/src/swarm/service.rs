//! Describes the service of a fleet for the engine.

use std::collections::HashMap;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::models::{
    Limit, NetworkAttachmentConfig, SecretSpec, ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated, TaskSpec,
    TaskSpecContainerSpec, TaskSpecContainerSpecFile, TaskSpecContainerSpecSecrets, TaskSpecLogDriver,
    TaskSpecPlacement, TaskSpecResources, TaskSpecRestartPolicy, TaskSpecRestartPolicyConditionEnum,
};

use harness_base::units::Nanos;

/// The name of the file with the secret, below `/run/secrets`.
const SECRET: &str = "harness-fleet";
/// The file from which a node reads its secret.
pub const SECRET_FILE: &str = "/run/secrets/harness-fleet";
/// The environment variable with the path of that file.
const SECRET_FILE_VARIABLE: &str = "HARNESS_FLEET_SECRET_FILE";
/// All users of the container may read the secret, because an image may have any user. Nothing else is in the container.
const READABLE: u32 = 0o444;
/// The time from SIGTERM to SIGKILL.
const GRACE: Nanos = Nanos::from_secs(1);
/// The bytes of output that each engine keeps.
const LOG_LIMIT: &str = "1m";

/// A fleet to place.
#[derive(Clone, Copy)]
pub struct Placement<'a> {
    pub run_id: &'a str,
    pub nodes: u64,
    /// An image that every engine has or can pull, whose entrypoint is harness.
    pub image: &'a str,
    /// The CPUs that each node may use; all if absent.
    pub cpus: Option<f64>,
    /// The memory that each node may use; all if absent.
    pub memory_bytes: Option<u64>,
    pub constraints: &'a [String],
    /// The secret of the nodes, which is never shown.
    pub secret: &'a str,
    /// The address at which the nodes reach the hub.
    pub hub: SocketAddr,
    /// How long a node dials the hub.
    pub wait: Nanos,
}

impl std::fmt::Debug for Placement<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { run_id, nodes, image, hub, .. } = self;
        write!(out, "Placement {{ {run_id}: {nodes} x {image} for {hub} }}")
    }
}

/// Returns the secret to create.
pub(super) fn secret(name: &str, text: &str, labels: &HashMap<String, String>) -> SecretSpec {
    SecretSpec {
        name: Some(name.to_owned()),
        labels: Some(labels.clone()),
        data: Some(STANDARD.encode(text)),
        ..SecretSpec::default()
    }
}

/// Returns the service to create, whose tasks read the secret with the id `secret` and the name `name`. A task that ends is not started again:
/// an engine that replaces nodes would change the fleet within a run.
pub(super) fn spec(
    name: &str,
    placement: &Placement<'_>,
    labels: &HashMap<String, String>,
    secret: &str,
) -> ServiceSpec {
    let replicas = i64::try_from(placement.nodes).unwrap_or(i64::MAX);
    let task = TaskSpec {
        container_spec: Some(container(name, placement, labels, secret)),
        resources: limits(placement),
        restart_policy: Some(TaskSpecRestartPolicy {
            condition: Some(TaskSpecRestartPolicyConditionEnum::NONE),
            ..TaskSpecRestartPolicy::default()
        }),
        placement: Some(TaskSpecPlacement {
            constraints: Some(placement.constraints.to_vec()),
            max_replicas: Some(1),
            ..TaskSpecPlacement::default()
        }),
        networks: Some(vec![NetworkAttachmentConfig {
            target: Some("host".to_owned()),
            ..NetworkAttachmentConfig::default()
        }]),
        log_driver: Some(TaskSpecLogDriver {
            name: Some("json-file".to_owned()),
            options: Some(HashMap::from([("max-size".to_owned(), LOG_LIMIT.to_owned())])),
        }),
        ..TaskSpec::default()
    };
    ServiceSpec {
        name: Some(name.to_owned()),
        labels: Some(labels.clone()),
        mode: Some(ServiceSpecMode {
            replicated: Some(ServiceSpecModeReplicated { replicas: Some(replicas) }),
            ..ServiceSpecMode::default()
        }),
        task_template: Some(task),
        ..ServiceSpec::default()
    }
}

fn container(
    name: &str,
    placement: &Placement<'_>,
    labels: &HashMap<String, String>,
    secret: &str,
) -> TaskSpecContainerSpec {
    let (hub, wait) = (placement.hub.to_string(), placement.wait.notation());
    let file = TaskSpecContainerSpecFile {
        name: Some(SECRET.to_owned()),
        uid: Some("0".to_owned()),
        gid: Some("0".to_owned()),
        mode: Some(READABLE),
    };
    TaskSpecContainerSpec {
        image: Some(placement.image.to_owned()),
        labels: Some(labels.clone()),
        args: Some(["node", "join", hub.as_str(), "--wait", wait.as_str()].map(str::to_owned).into()),
        env: Some(vec![format!("{SECRET_FILE_VARIABLE}={SECRET_FILE}")]),
        stop_grace_period: i64::try_from(GRACE.0).ok(),
        secrets: Some(vec![TaskSpecContainerSpecSecrets {
            file: Some(file),
            secret_id: Some(secret.to_owned()),
            secret_name: Some(name.to_owned()),
        }]),
        capability_drop: Some(vec!["ALL".to_owned()]),
        ..TaskSpecContainerSpec::default()
    }
}

fn limits(placement: &Placement<'_>) -> Option<TaskSpecResources> {
    if placement.cpus.is_none() && placement.memory_bytes.is_none() {
        return None;
    }
    let limit = Limit {
        nano_cpus: placement.cpus.map(|cpus| (cpus * 1e9).round() as i64),
        memory_bytes: placement.memory_bytes.and_then(|bytes| i64::try_from(bytes).ok()),
        ..Limit::default()
    };
    Some(TaskSpecResources { limits: Some(limit), ..TaskSpecResources::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placement(constraints: &[String]) -> Placement<'_> {
        Placement {
            run_id: "r1",
            nodes: 4,
            image: "harness-fleet:1",
            cpus: Some(0.5),
            memory_bytes: Some(128 << 20),
            constraints,
            secret: "node-word",
            hub: SocketAddr::from(([198, 18, 0, 1], 7411)),
            wait: Nanos::from_secs(30),
        }
    }

    #[test]
    fn at_most_one_task_for_each_engine_is_started_once_with_limits_and_a_secret() {
        let constraints = ["node.labels.load==yes".to_owned()];
        let labels = HashMap::from([("harness.run".to_owned(), "r1".to_owned())]);
        let spec = serde_json::to_value(spec("n1", &placement(&constraints), &labels, "s1")).unwrap();
        assert_eq!(spec["Mode"], serde_json::json!({ "Replicated": { "Replicas": 4 } }));
        let task = &spec["TaskTemplate"];
        assert_eq!(task["Placement"]["MaxReplicas"], 1);
        assert_eq!(task["Placement"]["Constraints"][0], "node.labels.load==yes");
        assert_eq!(task["RestartPolicy"]["Condition"], "none");
        assert_eq!(task["Networks"][0]["Target"], "host");
        assert_eq!(task["Resources"]["Limits"]["NanoCPUs"], 500_000_000);
        assert_eq!(task["Resources"]["Limits"]["MemoryBytes"], 134_217_728);
        let container = &task["ContainerSpec"];
        assert_eq!(container["Args"], serde_json::json!(["node", "join", "198.18.0.1:7411", "--wait", "30s"]));
        assert_eq!(container["Secrets"][0]["SecretID"], "s1");
        assert_eq!(container["Secrets"][0]["File"]["Name"], "harness-fleet");
        assert_eq!((&spec["Labels"], &container["Labels"]), (&serde_json::json!(labels), &serde_json::json!(labels)));
    }

    #[test]
    fn the_secret_is_in_no_text_but_its_own() {
        let placement = placement(&[]);
        assert!(!format!("{placement:?}").contains("node-word"));
        let labels = HashMap::new();
        let spec = serde_json::to_string(&spec("n1", &placement, &labels, "s1")).unwrap();
        assert!(!spec.contains("node-word"));
        let secret = secret("n1", placement.secret, &labels);
        assert_eq!(secret.data.as_deref(), Some("bm9kZS13b3Jk"));
    }
}
