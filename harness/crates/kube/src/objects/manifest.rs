//! Adds the agent to a user's pod, and changes nothing else of it.

use serde_json::{Map, Value, json};

use super::agent::{self, AGENT, Agent};
use super::common::{Common, Owner, SECRET, TARGET, labels, reference};
use super::container::secret_volume;

/// The reason why an agent cannot be added to a user's pod.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    #[error(
        "the manifest is not a pod (apiVersion v1, kind Pod) but {found}; write out the pod that is measured, without a Deployment around \
         it"
    )]
    NotPod { found: String },
    #[error("{key} of the manifest is not {expected}")]
    Shape { key: String, expected: &'static str },
    #[error(
        "the manifest has no container {name} that runs while the pod runs, which target.pod.container names; it has {known}"
    )]
    NoContainer { name: String, known: String },
    #[error(
        "the agent needs the user and the group of container {container}, and the manifest does not state both: write runAsUser and \
         runAsGroup into its securityContext"
    )]
    NoUser { container: String },
    #[error(
        "the manifest has hostPID, in which the agent cannot tell the containers of the pod from others; remove it"
    )]
    HostPid,
    #[error("the manifest has {what} {name} already, which harness adds; name it otherwise")]
    Taken { what: &'static str, name: &'static str },
    #[error(
        "the manifest is for namespace {named}, and this run for {run}; remove metadata.namespace, or set fleet.namespace"
    )]
    OtherNamespace { named: String, run: String },
}

/// Returns the user's pod with the agent as first init container, its secret, one process namespace for all, and the name, labels and
/// owner of the run. The agent is given the security context of the measured container, because only its own user may read its processes.
///
/// # Errors
/// Returns [`ObjectError`] when that cannot be done without changing what is measured.
pub(super) fn with_agent(
    pod: &Value,
    container: &str,
    (common, owner, name): (&Common<'_>, &Owner, &str),
    agent: &Agent<'_>,
) -> Result<Value, ObjectError> {
    let security = checked(pod, container, common.namespace)?;
    let mut pod = pod.clone();
    let all = map(&mut pod, "the manifest")?;
    let metadata = map(entry(all, "metadata"), "metadata")?;
    metadata.insert("name".to_owned(), json!(name));
    metadata.insert("namespace".to_owned(), json!(common.namespace));
    list(entry(metadata, "ownerReferences"), "metadata.ownerReferences")?.push(reference(owner));
    if let Value::Object(ours) = labels(common.run_id, TARGET) {
        map(entry(metadata, "labels"), "metadata.labels")?.extend(ours);
    }
    let spec = map(entry(all, "spec"), "spec")?;
    spec.insert("shareProcessNamespace".to_owned(), json!(true));
    spec.entry("restartPolicy").or_insert_with(|| json!("Never"));
    list(entry(spec, "volumes"), "spec.volumes")?.push(secret_volume(common));
    let first = list(entry(spec, "initContainers"), "spec.initContainers")?;
    first.insert(0, agent::container(common, agent, security));
    Ok(pod)
}

/// Checks that the agent can be added, and returns its security context.
fn checked(pod: &Value, container: &str, namespace: &str) -> Result<Value, ObjectError> {
    let word = |key: &str| pod[key].as_str().unwrap_or("nothing").to_owned();
    if pod["apiVersion"] != "v1" || pod["kind"] != "Pod" {
        return Err(ObjectError::NotPod { found: format!("{} {}", word("apiVersion"), word("kind")) });
    }
    let (spec, named) = (&pod["spec"], pod["metadata"]["namespace"].as_str());
    if let Some(named) = named.filter(|named| *named != namespace) {
        return Err(ObjectError::OtherNamespace { named: named.to_owned(), run: namespace.to_owned() });
    }
    if spec["hostPID"] == true {
        return Err(ObjectError::HostPid);
    }
    for (what, name, key) in [
        ("a container", AGENT, "containers"),
        ("a container", AGENT, "initContainers"),
        ("a volume", SECRET, "volumes"),
    ] {
        if of(spec, key).any(|item| item["name"] == name) {
            return Err(ObjectError::Taken { what, name });
        }
    }
    let measured = measured(spec, container)?;
    let stated = |key: &str| measured["securityContext"][key].is_u64() || spec["securityContext"][key].is_u64();
    if !stated("runAsUser") || !stated("runAsGroup") {
        return Err(ObjectError::NoUser { container: container.to_owned() });
    }
    let security = &measured["securityContext"];
    Ok(if security.is_null() { json!({}) } else { security.clone() })
}

/// Returns the container that is measured. A usual init container has ended before the others are started.
fn measured<'a>(spec: &'a Value, name: &str) -> Result<&'a Value, ObjectError> {
    let native = of(spec, "initContainers").filter(|container| container["restartPolicy"] == "Always");
    let running: Vec<&Value> = native.chain(of(spec, "containers")).collect();
    let named = running.iter().find(|container| container["name"] == name).copied();
    named.ok_or_else(|| {
        let known: Vec<&str> = running.iter().filter_map(|container| container["name"].as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        ObjectError::NoContainer { name: name.to_owned(), known }
    })
}

/// Returns the items of a list; none if it is no list.
fn of<'a>(spec: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    spec[key].as_array().into_iter().flatten()
}

fn entry<'a>(of: &'a mut Map<String, Value>, key: &str) -> &'a mut Value {
    of.entry(key).or_insert(Value::Null)
}

/// Returns a map, which is made if there is none.
fn map<'a>(value: &'a mut Value, key: &str) -> Result<&'a mut Map<String, Value>, ObjectError> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().ok_or_else(|| ObjectError::Shape { key: key.to_owned(), expected: "a map" })
}

/// Returns a list, which is made if there is none.
fn list<'a>(value: &'a mut Value, key: &str) -> Result<&'a mut Vec<Value>, ObjectError> {
    if value.is_null() {
        *value = Value::Array(Vec::new());
    }
    value.as_array_mut().ok_or_else(|| ObjectError::Shape { key: key.to_owned(), expected: "a list" })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::objects::sample;

    /// A pod as users have it: with a volume, an init container that ends, probes, and fields that harness does not know.
    fn full() -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "shop",
                "labels": { "app": "shop", "harness.role": "mine" },
                "annotations": { "example.com/team": "checkout" },
            },
            "spec": {
                "serviceAccountName": "shop",
                "priorityClassName": "high",
                "securityContext": { "runAsGroup": 101, "fsGroup": 2000 },
                "volumes": [{ "name": "config", "configMap": { "name": "proxy" } }],
                "initContainers": [{ "name": "setup", "image": "setup:1", "command": ["true"] }],
                "containers": [
                    { "name": "shop", "image": "shop:7", "ports": [{ "containerPort": 9000 }] },
                    {
                        "name": "proxy",
                        "image": "proxy:2",
                        "securityContext": { "runAsUser": 101, "capabilities": { "drop": ["ALL"] } },
                        "readinessProbe": { "httpGet": { "path": "/ready", "port": 8081 } },
                        "resources": { "limits": { "cpu": "1", "memory": "256Mi" } },
                        "volumeMounts": [{ "name": "config", "mountPath": "/etc/proxy" }],
                    },
                ],
                "futureField": { "kept": [1, 2.5, null] },
            },
        })
    }

    fn with(pod: &Value, container: &str) -> Result<Value, ObjectError> {
        let selector = BTreeMap::from([("pool".to_owned(), "load".to_owned())]);
        let common = sample::common(&selector);
        let agent = sample::agent();
        let owner = sample::owner();
        with_agent(pod, container, (&common, &owner, "harness-r1-target-1"), &agent)
    }

    #[test]
    fn only_the_agent_and_what_it_needs_is_added() {
        let mut made = with(&full(), "proxy").unwrap();
        let agent = made["spec"]["initContainers"].as_array_mut().unwrap().remove(0);
        assert_eq!((&agent["name"], &agent["restartPolicy"]), (&json!("harness-agent"), &json!("Always")));
        assert_eq!(agent["securityContext"], json!({ "runAsUser": 101, "capabilities": { "drop": ["ALL"] } }));
        let volume = made["spec"]["volumes"].as_array_mut().unwrap().pop().unwrap();
        assert_eq!(volume["secret"]["secretName"], "harness-r1-secret");
        let mut expected = full();
        expected["metadata"]["name"] = json!("harness-r1-target-1");
        expected["metadata"]["namespace"] = json!("bench");
        expected["metadata"]["ownerReferences"] =
            json!([{ "apiVersion": "batch/v1", "kind": "Job", "name": "harness-r1-hub", "uid": "u1" }]);
        expected["metadata"]["labels"] = json!({
            "app": "shop",
            "app.kubernetes.io/managed-by": "harness",
            "harness.run": "r1",
            "harness.role": "target",
        });
        expected["spec"]["shareProcessNamespace"] = json!(true);
        expected["spec"]["restartPolicy"] = json!("Never");
        assert_eq!(made, expected);
    }

    #[test]
    fn a_restart_policy_and_a_native_sidecar_of_the_user_are_kept() {
        let mut pod = full();
        pod["spec"]["restartPolicy"] = json!("OnFailure");
        pod["spec"]["initContainers"][0]["restartPolicy"] = json!("Always");
        pod["spec"]["securityContext"]["runAsUser"] = json!(7);
        let made = with(&pod, "setup").unwrap();
        assert_eq!(made["spec"]["restartPolicy"], "OnFailure");
        assert_eq!(made["spec"]["initContainers"][0]["securityContext"], json!({}));
        assert_eq!(made["spec"]["initContainers"][1], pod["spec"]["initContainers"][0]);
    }

    #[test]
    fn what_cannot_take_an_agent_is_refused_with_the_reason() {
        let refused = |change: &dyn Fn(&mut Value)| {
            let mut pod = full();
            change(&mut pod);
            with(&pod, "proxy").unwrap_err().to_string()
        };
        assert!(refused(&|pod| pod["kind"] = json!("Deployment")).contains("but v1 Deployment"));
        assert!(refused(&|pod| *pod = json!([])).contains("but nothing nothing"));
        assert!(refused(&|pod| pod["spec"]["hostPID"] = json!(true)).contains("hostPID"));
        assert!(
            refused(&|pod| pod["metadata"]["namespace"] = json!("shop"))
                .contains("namespace shop, and this run for bench")
        );
        assert!(refused(&|pod| pod["spec"]["volumes"][0]["name"] = json!(SECRET)).contains("a volume harness-fleet"));
        assert!(
            refused(&|pod| pod["spec"]["containers"][0]["name"] = json!(AGENT)).contains("a container harness-agent")
        );
        assert!(
            refused(&|pod| pod["spec"]["securityContext"] = json!({}))
                .contains("user and the group of container proxy")
        );
        assert!(
            refused(&|pod| pod["metadata"]["labels"] = json!("x"))
                .contains("metadata.labels of the manifest is not a map")
        );
        assert!(
            refused(&|pod| pod["spec"]["initContainers"] = json!("x"))
                .contains("initContainers of the manifest is not a list")
        );
        assert!(refused(&|pod| pod["spec"]["containers"] = json!("x")).contains("it has none"));
        let ended = with(&full(), "setup").unwrap_err();
        assert_eq!(ended, ObjectError::NoContainer { name: "setup".to_owned(), known: "shop, proxy".to_owned() });
    }
}
