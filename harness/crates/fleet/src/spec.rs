//! What a plan says about a fleet.

mod range;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

pub use self::range::{Range, RangeError};
use harness_base::units::{Bytes, Nanos};

/// The fleet that loads a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FleetSpec {
    pub engine: FleetEngine,
    /// The number of nodes.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
    pub nodes: u64,
    /// Where nodes join; on Kubernetes every address of the hub's pod.
    pub listen: SocketAddr,
    /// The addresses that may be loaded besides loopback.
    #[serde(default)]
    pub reach: Vec<Range>,
    /// How long the hub waits for the nodes, in nanoseconds.
    #[serde(rename = "wait_ns")]
    pub wait: Nanos,
    /// The image of the nodes; absent for the one that is made from this program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(default)]
    pub each: Each,
    /// Constraints of the engine on where nodes run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// The context of the Kubernetes configuration; absent for the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The namespace of Kubernetes; absent for that of the context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The labels of the Kubernetes nodes on which hub, nodes and target may run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Whether hub, nodes and target may run on one Kubernetes node.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub co_located: bool,
}

/// The limits of each node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Each {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub cpus: Option<f64>,
    /// In bytes.
    #[serde(default, rename = "memory_bytes", skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
}

/// What starts the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FleetEngine {
    /// Docker Swarm, as a service of the run.
    Swarm,
    /// Kubernetes, as Jobs of the run.
    Kubernetes,
    /// Something else: every node that has the secret may join.
    Joined,
}

impl FleetEngine {
    pub const ALL: [Self; 3] = [Self::Swarm, Self::Kubernetes, Self::Joined];

    /// Returns the word in scenarios and reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Swarm => "swarm",
            Self::Kubernetes => "kubernetes",
            Self::Joined => "joined",
        }
    }
}
