//! The pod with the target: the agent, the upstream and the sidecar that is measured.

use serde_json::{Value, json};

use super::agent::{self, Agent};
use super::common::{Common, Owner, TARGET, metadata, pod_spec, target_name};
use super::container::{APP, Container, described, restricted, secret_volume};
use super::manifest::{self, ObjectError};

/// The seconds from SIGTERM to SIGKILL, unless the request that deletes the pod states others.
const GRACE_SECONDS: u64 = 5;

/// What the pod consists of, besides the agent.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there is one for each start of a pod")]
pub enum Shape<'a> {
    /// A sidecar and its upstream.
    Made {
        target: Container,
        app: Option<Container>,
        /// Whether the target is a native sidecar, an init container with the restart policy `Always`, which Kubernetes starts before the
        /// app. Without an app it is a plain container, because a pod needs one.
        native: bool,
    },
    /// A user's pod, and the name of the container that is measured.
    Manifest { pod: &'a Value, container: &'a str },
}

/// Returns the pod of one start of the target. All containers see each other's processes, for the agent.
///
/// # Errors
/// Returns [`ObjectError`] when the user's pod has no such container, or cannot take an agent. A made pod always can.
pub fn target(
    common: &Common<'_>,
    owner: &Owner,
    instance: &str,
    shape: &Shape<'_>,
    agent: &Agent<'_>,
) -> Result<Value, ObjectError> {
    let name = target_name(common.run_id, instance);
    match shape {
        Shape::Made { target, app, native } => {
            let mut pod = pod_spec(common);
            pod["shareProcessNamespace"] = json!(true);
            pod["terminationGracePeriodSeconds"] = json!(GRACE_SECONDS);
            let agent = agent::container(common, agent, restricted());
            let (init, containers) = placed(common, target, app.as_ref(), *native);
            pod["initContainers"] = std::iter::once(agent).chain(init).collect();
            pod["containers"] = Value::Array(containers);
            pod["volumes"] = json!([secret_volume(common)]);
            let metadata = metadata(common, &name, TARGET, Some(owner));
            Ok(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod }))
        }
        Shape::Manifest { pod, container } => manifest::with_agent(pod, container, (common, owner, &name), agent),
    }
}

/// Returns the target as init container, if it is one, and the other containers in the order in which they are started.
fn placed(
    common: &Common<'_>,
    target: &Container,
    app: Option<&Container>,
    native: bool,
) -> (Option<Value>, Vec<Value>) {
    let mut target = described(common, TARGET, target);
    let app = app.map(|app| described(common, APP, app));
    if native && app.is_some() {
        target["restartPolicy"] = json!("Always");
        return (Some(target), app.into_iter().collect());
    }
    (None, app.into_iter().chain([target]).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::objects::container::Size;
    use crate::objects::sample;

    fn container(args: &[&str]) -> Container {
        Container {
            image: None,
            command: Vec::new(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: vec![("MODE".to_owned(), "a b".to_owned())],
            size: Size { cpus: 0.5, memory_bytes: 128 << 20 },
        }
    }

    fn pod(app: Option<Container>, native: bool) -> Value {
        let selector = BTreeMap::new();
        let common = sample::common(&selector);
        let owner = sample::owner();
        let agent = Agent { ready: Some("http://$(POD_IP):8081/ready"), direct_port: Some(9000), ..sample::agent() };
        let shape = Shape::Made { target: container(&["__sidecar"]), app, native };
        target(&common, &owner, "overhead-1", &shape, &agent).unwrap()
    }

    fn names(containers: &Value) -> Vec<&str> {
        containers.as_array().into_iter().flatten().filter_map(|container| container["name"].as_str()).collect()
    }

    #[test]
    fn the_agent_is_first_and_a_native_sidecar_is_before_its_app() {
        let native = pod(Some(container(&["__upstream"])), true);
        assert_eq!(names(&native["spec"]["initContainers"]), ["harness-agent", "target"]);
        assert_eq!(names(&native["spec"]["containers"]), ["app"]);
        let first = native["spec"]["initContainers"].as_array().unwrap();
        assert!(first.iter().all(|container| container["restartPolicy"] == "Always"));
        let plain = pod(Some(container(&["__upstream"])), false);
        assert_eq!(names(&plain["spec"]["containers"]), ["app", "target"]);
        for alone in [pod(None, true), pod(None, false)] {
            assert_eq!(names(&alone["spec"]["initContainers"]), ["harness-agent"]);
            assert_eq!(names(&alone["spec"]["containers"]), ["target"]);
        }
    }

    #[test]
    fn every_container_is_guaranteed_and_restricted() {
        let pod = pod(Some(container(&["__upstream"])), true);
        assert_eq!(pod["metadata"]["name"], "harness-r1-target-overhead-1");
        assert_eq!(pod["spec"]["shareProcessNamespace"], true);
        let (init, containers) = (&pod["spec"]["initContainers"], &pod["spec"]["containers"]);
        for container in init.as_array().into_iter().chain(containers.as_array()).flatten() {
            let resources = &container["resources"];
            assert!(resources["requests"] == resources["limits"] && resources["limits"]["memory"] == "128Mi");
            assert_eq!(container["securityContext"], restricted());
        }
        assert_eq!(init[1]["resources"]["limits"]["cpu"], "500m");
        assert_eq!(init[1]["env"], json!([{ "name": "MODE", "value": "a b" }]));
        assert!(init[1].get("command").is_none());
    }

    #[test]
    fn the_agent_knows_its_hub_its_target_and_its_pod() {
        let pod = pod(None, false);
        let agent = &pod["spec"]["initContainers"][0];
        let args: Vec<&str> = agent["args"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let expected = "__agent --hub 10.1.2.3:7411 --name $(POD_NAME) --wait 90s --deadline 10s --watching-port 7412 --proxy http://$(POD_IP):8080 \
                        --ready http://$(POD_IP):8081/ready --direct-port 9000";
        assert_eq!(args.join(" "), expected);
        assert_eq!(agent["env"][1]["valueFrom"]["fieldRef"]["fieldPath"], "status.podIP");
        assert_eq!(agent["env"][2]["valueFrom"]["fieldRef"]["fieldPath"], "metadata.name");
        assert_eq!(agent["volumeMounts"][0]["name"], pod["spec"]["volumes"][0]["name"]);
    }
}
