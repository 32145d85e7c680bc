//! Defines what is recorded of a fleet of generators: its nodes, and what they did in a trial.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use harness_base::units::{Bytes, three_digits};
use harness_fleet::FleetEngine;
use harness_fleet::order::NodeFacts;
use harness_load::facts::LoadFacts;
use harness_load::nodes::NodeTrial;

/// The fleet that sent the load of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FleetFacts {
    pub engine: FleetEngine,
    /// CPUs to which each node was limited by the engine; absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// Memory to which each node was limited by the engine, in bytes; absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Whether nodes of the fleet may have run on the machine of the target, with which they share its CPUs then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub co_located: bool,
    /// In the order of their share of the schedule.
    pub nodes: Vec<NodeFacts>,
}

/// What two fleets must have in common so that their numbers can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FleetShape {
    pub engine: FleetEngine,
    /// Number of nodes.
    pub nodes: u64,
    /// CPUs of each; absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// Memory of each in bytes; absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// See [`FleetFacts::co_located`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub co_located: bool,
}

/// How well the nodes of a fleet kept together in a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FleetTrial {
    /// How much later the last node released its first request than the first node did, each compared with the instant at which it was to
    /// do so, in nanoseconds; absent if a node released none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_ns: Option<u64>,
    /// The largest error of the clock of a node, in nanoseconds. The true skew is at most `skew_ns` and twice this.
    pub clock_error_ns: u64,
    /// The largest difference of a node's number of scheduled requests from an equal share, ÷ this share; absent in a window without
    /// requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub share_off: Option<f64>,
}

impl FleetFacts {
    pub fn shape(&self) -> FleetShape {
        let Self { engine, cpus, memory_bytes, co_located, nodes } = self;
        let nodes = nodes.len() as u64;
        FleetShape { engine: *engine, nodes, cpus: *cpus, memory_bytes: *memory_bytes, co_located: *co_located }
    }

    /// Describes the shape and every node in one line.
    pub fn described(&self) -> String {
        format!("{}: {}", self.shape(), self.machines().join("; "))
    }

    /// Lists the indexes of the nodes that run on the host of the target.
    pub fn on_host(&self) -> Vec<u64> {
        self.nodes.iter().filter(|node| node.shares_host).map(|node| node.index).collect()
    }

    /// Lists the addresses from which nodes send.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.nodes.iter().filter_map(|node| node.address.parse().ok()).collect()
    }

    /// Describes each node: its name, its address and its machine.
    pub fn machines(&self) -> Vec<String> {
        let of = |node: &NodeFacts| {
            format!(
                "{} at {}: {}, {} CPUs, {}, Linux {}",
                node.name,
                node.address,
                node.cpu_model,
                three_digits(node.cpus),
                Bytes(node.memory_bytes),
                node.kernel
            )
        };
        self.nodes.iter().map(of).collect()
    }
}

impl std::fmt::Display for FleetShape {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let many = if self.nodes == 1 { "" } else { "s" };
        let engine = match self.engine {
            FleetEngine::Joined => "joined by hand",
            FleetEngine::Swarm => "on Docker Swarm",
            FleetEngine::Kubernetes => "on Kubernetes",
        };
        write!(out, "{} node{many} {engine}", self.nodes)?;
        self.cpus.map_or(Ok(()), |cpus| write!(out, ", {} CPUs each", three_digits(cpus)))?;
        self.memory_bytes.map_or(Ok(()), |bytes| write!(out, ", {} each", Bytes(bytes)))?;
        if self.co_located { write!(out, ", sharing machines with the target") } else { Ok(()) }
    }
}

impl FleetTrial {
    /// Summarises what the nodes reported of a trial; `None` without a fleet.
    pub fn of(load: &LoadFacts) -> Option<Self> {
        let nodes = &load.nodes;
        let clock_error_ns = nodes.iter().map(|node| node.clock.error_ns).max()?;
        let share = equal_share(nodes);
        let off = |node: &NodeTrial| (node.scheduled as f64 - share).abs() / share;
        let share_off = (share > 0.0).then(|| nodes.iter().map(off).fold(0.0, f64::max));
        Some(Self { skew_ns: skew_ns(nodes), clock_error_ns, share_off })
    }
}

/// Returns how far apart the nodes released their first requests; `None` if one released none.
pub(crate) fn skew_ns(nodes: &[NodeTrial]) -> Option<u64> {
    let lags: Vec<u64> = nodes.iter().map(|node| node.first_lag_ns).collect::<Option<_>>()?;
    Some(lags.iter().max()?.saturating_sub(*lags.iter().min()?))
}

/// Returns how many requests a node would schedule if all scheduled equally many.
pub(crate) fn equal_share(nodes: &[NodeTrial]) -> f64 {
    nodes.iter().map(|node| node.scheduled).sum::<u64>() as f64 / nodes.len().max(1) as f64
}
