//! Describes a fleet for `harness check`.

use harness_fleet::spec::{FleetEngine, FleetSpec};

/// Describes the nodes, who starts them, and where their hub is.
pub(super) fn describe(fleet: &FleetSpec) -> String {
    let many = if fleet.nodes == 1 { "" } else { "s" };
    let who = match fleet.engine {
        FleetEngine::Joined => "that you start with harness node join",
        FleetEngine::Swarm => "on Docker Swarm",
    };
    let cpus = fleet.each.cpus.map(|cpus| format!(", {cpus} CPUs each"));
    let memory = fleet.each.memory.map(|memory| format!(", {} each", memory.notation()));
    let (cpus, memory) = (cpus.unwrap_or_default(), memory.unwrap_or_default());
    format!("{} node{many} {who}{cpus}{memory}, hub at {}, wait {}", fleet.nodes, fleet.listen, fleet.wait.notation())
}
