//! What a plan says about a fleet.

mod range;

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
    /// Where nodes join.
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
    /// Something else: every node that has the secret may join.
    Joined,
}

impl FleetEngine {
    pub const ALL: [Self; 2] = [Self::Swarm, Self::Joined];

    /// Returns the word in scenarios and reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Swarm => "swarm",
            Self::Joined => "joined",
        }
    }
}
