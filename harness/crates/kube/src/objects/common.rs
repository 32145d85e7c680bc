//! What all objects of a run have in common: names, labels, the owner, and what every pod of ours has.

use std::collections::BTreeMap;

use harness_base::units::Nanos;
use serde_json::{Value, json};

/// The label that names the program which made an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`].
pub const MANAGER: &str = "harness";
/// The label with the id of the run.
pub const RUN: &str = "harness.run";
/// The label with the role of an object: [`HUB`], [`NODE`] or [`TARGET`].
pub const ROLE: &str = "harness.role";
/// The role of the hub.
pub const HUB: &str = "hub";
/// The role of the nodes, and of their secret.
pub const NODE: &str = "node";
/// The role of a pod with a target, and the name of the target's container.
pub const TARGET: &str = "target";

/// The key of the secret, and the name of the file with it.
pub(super) const SECRET: &str = "harness-fleet";
/// The user of our containers; not root, as the Pod Security Standard `restricted` demands.
const USER: u32 = 65532;
/// The longest prefix of a name. A pod's host name has at most 63 characters, `-nodes-` and a number included.
const LONGEST_PREFIX: usize = 50;
/// The longest name of a pod's host, and value of a label.
const LONGEST_LABEL: usize = 63;

/// What all objects of a run have in common.
#[derive(Debug, Clone, Copy)]
pub struct Common<'a> {
    pub run_id: &'a str,
    pub namespace: &'a str,
    /// An image whose entrypoint is harness.
    pub image: &'a str,
    /// The labels of the Kubernetes nodes that may be used.
    pub node_selector: &'a BTreeMap<String, String>,
    /// Whether hub, nodes and target may share a Kubernetes node.
    pub co_located: bool,
    /// How long the run may take; after that, Kubernetes ends it.
    pub deadline: Nanos,
}

/// The Job of the hub, which owns everything else of its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub name: String,
    pub uid: String,
}

/// Returns the beginning of the names of a run's objects, valid as a DNS label.
pub fn prefix(run_id: &str) -> String {
    let name: String = format!("harness-{}", label(run_id)).chars().take(LONGEST_PREFIX).collect();
    name.trim_end_matches('-').to_owned()
}

/// Returns the name of the pod of one start of the target, which is also its agent's. Of an instance with a long name, it has the end,
/// where the number is.
pub fn target_name(run_id: &str, instance: &str) -> String {
    let (start, instance) = (format!("{}-target-", prefix(run_id)), label(instance));
    let cut = (start.len() + instance.len()).saturating_sub(LONGEST_LABEL);
    let name = format!("{start}{}", instance.get(cut..).unwrap_or_default());
    name.trim_end_matches('-').to_owned()
}

/// Returns the value of the label [`RUN`].
pub fn run_label(run_id: &str) -> String {
    let fits = |letter: char| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' };
    let text: String = run_id.chars().map(fits).take(LONGEST_LABEL).collect();
    text.trim_matches(|letter: char| !letter.is_ascii_alphanumeric()).to_owned()
}

/// Returns the secret with which the nodes and the agent prove that they belong to the run. No other object contains it.
pub fn secret(common: &Common<'_>, owner: &Owner, text: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(common, &secret_name(common.run_id), NODE, Some(owner)),
        "type": "Opaque",
        "immutable": true,
        "stringData": { SECRET: text },
    })
}

/// Replaces what a DNS label cannot have.
fn label(text: &str) -> String {
    let fits = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    text.chars().map(fits).collect()
}

pub(super) fn secret_name(run_id: &str) -> String {
    format!("{}-secret", prefix(run_id))
}

/// Returns the labels of an object.
pub(super) fn labels(run_id: &str, role: &str) -> Value {
    json!({ MANAGED_BY: MANAGER, RUN: run_label(run_id), ROLE: role })
}

pub(super) fn metadata(common: &Common<'_>, name: &str, role: &str, owner: Option<&Owner>) -> Value {
    let mut metadata = json!({ "name": name, "namespace": common.namespace, "labels": labels(common.run_id, role) });
    if let Some(owner) = owner {
        metadata["ownerReferences"] = json!([reference(owner)]);
    }
    metadata
}

/// Returns the reference by which Kubernetes removes an object with its owner.
pub(super) fn reference(owner: &Owner) -> Value {
    json!({ "apiVersion": "batch/v1", "kind": "Job", "name": owner.name, "uid": owner.uid })
}

/// Returns the spec of a pod of ours without containers. It has no token of the API, is not root, and is started once: a restarted
/// process would be another one than the run began with.
pub(super) fn pod_spec(common: &Common<'_>) -> Value {
    let mut spec = json!({
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
    });
    if !common.node_selector.is_empty() {
        spec["nodeSelector"] = json!(common.node_selector);
    }
    if !common.co_located {
        spec["affinity"] = json!({ "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [{
            "labelSelector": { "matchLabels": { RUN: run_label(common.run_id) } },
            "topologyKey": "kubernetes.io/hostname",
        }] } });
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::sample;

    #[test]
    fn names_are_dns_labels_and_keep_the_run_apart() {
        assert_eq!(prefix("20261120T183005Z-4f1c"), "harness-20261120t183005z-4f1c");
        assert_eq!(target_name("r1", "overhead_2"), "harness-r1-target-overhead-2");
        let long = "A_".repeat(60);
        for name in [target_name(&long, "overhead-12"), target_name("r1", &format!("{long}-12"))] {
            assert!(name.len() <= LONGEST_LABEL && name.ends_with("-12"), "{name}");
        }
        for name in [prefix(&long), prefix("ä.b"), prefix("")] {
            assert!(name.len() <= LONGEST_PREFIX && !name.ends_with('-'), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
        }
        assert!(format!("{}-nodes-99999", prefix(&long)).len() <= 63);
        assert_eq!(run_label("20261120T183005Z-4f1c"), "20261120T183005Z-4f1c");
        assert_eq!(run_label("_a b/c."), "a-b-c");
        assert!(run_label(&long).len() <= LONGEST_LABEL);
    }

    #[test]
    fn pods_of_a_run_share_no_node_unless_the_run_says_so() {
        let selector = BTreeMap::from([("pool".to_owned(), "load".to_owned())]);
        let empty = BTreeMap::new();
        let mut common = sample::common(&selector);
        let spec = pod_spec(&common);
        assert_eq!(spec["nodeSelector"], json!({ "pool": "load" }));
        let apart = &spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0];
        assert_eq!(apart["labelSelector"]["matchLabels"], json!({ "harness.run": "r1" }));
        assert_eq!(apart["topologyKey"], "kubernetes.io/hostname");
        (common.co_located, common.node_selector) = (true, &empty);
        let spec = pod_spec(&common);
        assert!(spec.get("affinity").is_none() && spec.get("nodeSelector").is_none());
        assert_eq!(spec["automountServiceAccountToken"], false);
    }

    #[test]
    fn the_secret_is_owned_and_cannot_be_changed() {
        let selector = BTreeMap::new();
        let common = sample::common(&selector);
        let owner = sample::owner();
        let secret = secret(&common, &owner, "node-word");
        assert_eq!(secret["metadata"]["name"], "harness-r1-secret");
        assert_eq!(secret["metadata"]["ownerReferences"][0]["uid"], "u1");
        assert_eq!((&secret["immutable"], &secret["stringData"]["harness-fleet"]), (&json!(true), &json!("node-word")));
    }
}
