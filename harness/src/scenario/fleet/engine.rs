//! Reads the engine of a fleet, and the keys that not every engine has.

use std::collections::BTreeMap;

use crate::spec::Section;
use harness_fleet::spec::FleetEngine;

/// Keys that not every engine has.
const OF_ENGINES: [&str; 10] = [
    "image",
    "each",
    "constraints",
    "context",
    "namespace",
    "node_selector",
    "co_located",
    "listen",
    "reach",
    "i-own-this",
];

/// Reads who starts the nodes.
pub(super) fn read(section: &Section<'_>) -> FleetEngine {
    let about = "who starts the nodes: \"joined\" (you do, with harness node join), \"swarm\" (Docker Swarm does) or \"kubernetes\" \
                 (Kubernetes does, in a cluster that has the target too)";
    let words = [FleetEngine::Joined, FleetEngine::Swarm, FleetEngine::Kubernetes].map(FleetEngine::word);
    let word = section.field("engine", about).one_of(&words).required();
    FleetEngine::ALL.into_iter().find(|engine| engine.word() == word).unwrap_or(FleetEngine::Joined)
}

/// Where in Kubernetes the pods of a run are.
pub(super) struct Cluster {
    pub(super) context: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) node_selector: BTreeMap<String, String>,
    pub(super) co_located: bool,
}

/// Reads the keys that only a cluster has.
pub(super) fn read_cluster(section: &Section<'_>) -> Cluster {
    let some = |text: &String| if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(()) };
    let about = "kubernetes: labels that the nodes of the cluster must have, for example { pool = \"load\" }";
    let labels: Vec<(String, String)> = section.field("node_selector", about).default(Vec::new());
    let about = "kubernetes: whether hub, nodes and target may share a node of the cluster, and with it its CPUs";
    Cluster {
        co_located: section.field("co_located", about).default(false),
        context: section
            .field("context", "kubernetes: context of the configuration; default: the current one")
            .check(some)
            .optional(),
        namespace: section
            .field("namespace", "kubernetes: namespace of all pods; default: that of the context")
            .check(is_namespace)
            .optional(),
        node_selector: labels.into_iter().collect(),
    }
}

/// Checks the name of a namespace, which is a DNS label.
fn is_namespace(name: &String) -> Result<(), String> {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=63).contains(&name.len()) && name.bytes().all(is_part) && !name.starts_with('-');
    if fits && !name.ends_with('-') { Ok(()) } else { Err(format!("{name:?} is not the name of a namespace")) }
}

/// Refuses keys that have no meaning with an engine.
pub(super) fn check_keys(section: &Section<'_>, engine: FleetEngine) {
    for key in OF_ENGINES.into_iter().filter(|key| section.has(key)) {
        if let Some((message, hint)) = misplaced(engine, key) {
            section.mistake(key, message, Some(hint.to_owned()));
        }
    }
}

/// Returns why a key has no meaning with an engine, and what to do; `None` if it has one.
fn misplaced(engine: FleetEngine, key: &str) -> Option<(&'static str, &'static str)> {
    use FleetEngine::{Joined, Kubernetes, Swarm};
    match (engine, key) {
        (Joined, "image" | "each" | "constraints") => Some((
            "is for nodes that the harness places; joined nodes are started by you",
            "remove it, or write engine = \"swarm\"",
        )),
        (Joined | Swarm, "context" | "namespace" | "node_selector" | "co_located") => {
            Some(("is about a cluster of Kubernetes", "remove it, or write engine = \"kubernetes\""))
        }
        (Kubernetes, "constraints") => {
            Some(("is about Docker Swarm", "write node_selector = { \"kubernetes.io/arch\" = \"amd64\" }"))
        }
        (Kubernetes, "listen" | "reach" | "i-own-this") => {
            Some(("is about this machine, and hub, nodes and target are pods", "remove it"))
        }
        _ => None,
    }
}
