//! Describes a fleet for `harness check`.

use harness_fleet::spec::{FleetEngine, FleetSpec};

/// Describes the nodes, who starts them, and where their hub is.
pub(super) fn describe(fleet: &FleetSpec) -> String {
    let many = if fleet.nodes == 1 { "" } else { "s" };
    let who = match fleet.engine {
        FleetEngine::Joined => "that you start with harness node join",
        FleetEngine::Swarm => "on Docker Swarm",
        FleetEngine::Kubernetes => "on Kubernetes",
    };
    let cpus = fleet.each.cpus.map(|cpus| format!(", {cpus} CPUs each"));
    let memory = fleet.each.memory.map(|memory| format!(", {} each", memory.notation()));
    let (cpus, memory) = (cpus.unwrap_or_default(), memory.unwrap_or_default());
    let hub = match fleet.engine {
        FleetEngine::Kubernetes => in_cluster(fleet),
        FleetEngine::Joined | FleetEngine::Swarm => format!("hub at {}", fleet.listen),
    };
    format!("{} node{many} {who}{cpus}{memory}, {hub}, wait {}", fleet.nodes, fleet.wait.notation())
}

/// Describes where in a cluster the pods of a run are.
fn in_cluster(fleet: &FleetSpec) -> String {
    let context = fleet.context.as_ref().map(|context| format!("context {context}"));
    let namespace = fleet.namespace.as_ref().map(|namespace| format!("namespace {namespace}"));
    let labels = fleet.node_selector.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    let labels = (!labels.is_empty()).then(|| format!("on nodes with {}", labels.join(" ")));
    let apart = if fleet.co_located { "may share nodes with the target" } else { "never on the node of the target" };
    let parts = [Some("hub in a pod".to_owned()), context, namespace, labels, Some(apart.to_owned())];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
