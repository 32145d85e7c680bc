//! What control orders from the hub, and what the hub reports until its fleet is complete. One JSON object per line, in both directions.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::hello::{About, Refusal};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::lost::LostWhy;

/// How far ahead control sets the start of a trial, so that it reaches all nodes in time.
pub const LEAD: Nanos = Nanos::from_millis(50);

/// The first line for the hub.
#[derive(Clone, Serialize, Deserialize)]
pub struct HubOrder {
    /// Where nodes join.
    pub listen: SocketAddr,
    /// How many nodes make the fleet complete.
    pub nodes: u64,
    /// The text of a [`super::secret::HubSecret`].
    pub secret: String,
    /// How long the hub waits for the nodes.
    pub wait: Nanos,
    pub run_id: String,
    /// Control's clock when it sent the order, for a hub on another machine, which then answers by that clock; absent for a hub that
    /// shares control's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Mono>,
}

impl fmt::Debug for HubOrder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listen, nodes, secret: _, wait, run_id, now } = self;
        out.debug_struct("HubOrder")
            .field("listen", listen)
            .field("nodes", nodes)
            .field("wait", wait)
            .field("run_id", run_id)
            .field("now", now)
            .finish_non_exhaustive()
    }
}

/// What has happened until the fleet is complete. After [`HubEvent::Assembled`] the hub speaks the protocol of a load child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HubEvent {
    /// Nodes can join.
    Listening {
        address: SocketAddr,
    },
    Joined(NodeFacts),
    /// A node has left before the fleet was complete. Another can take its place.
    Left {
        index: u64,
        name: String,
        why: LostWhy,
    },
    Refused(RefusedPeer),
    /// The fleet is complete.
    Assembled {
        nodes: Vec<NodeFacts>,
    },
    /// The wait is over, and the hub ends.
    TooFew {
        joined: u64,
        wanted: u64,
        waited: Nanos,
        refused: Vec<RefusedPeer>,
    },
    /// The hub ends. The message is for people.
    Failed {
        message: String,
    },
}

/// A peer that may not join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedPeer {
    pub peer: SocketAddr,
    pub why: Refusal,
}

impl fmt::Display for RefusedPeer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.peer, self.why)
    }
}

/// A node of a fleet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NodeFacts {
    /// From 0.
    pub index: u64,
    pub name: String,
    /// The CPUs that it may use: fewer than those of the machine if a control group limits it.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub cpus: f64,
    /// The memory of the machine.
    pub memory_bytes: u64,
    pub kernel: String,
    pub cpu_model: String,
    /// The IP address from which it joined.
    pub address: String,
    /// Whether it runs under the kernel of the hub's machine, as in a network namespace. Its host is then that of the run.
    #[serde(default)]
    pub shares_host: bool,
}

impl NodeFacts {
    /// Takes what a peer says about itself. `boot` identifies the start of the kernel of the hub's machine.
    pub(crate) fn of(about: About, index: u64, address: IpAddr, boot: Option<&str>) -> Self {
        Self {
            index,
            shares_host: about.boot.is_some() && about.boot.as_deref() == boot,
            name: about.name,
            cpus: about.cpus,
            memory_bytes: about.memory_bytes,
            kernel: about.kernel,
            cpu_model: about.cpu_model,
            address: address.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_does_not_show_its_secret() {
        let listen = SocketAddr::from(([127, 0, 0, 1], 7411));
        let secret = "hub-abc".to_owned();
        let order = HubOrder { listen, nodes: 2, secret, wait: Nanos::from_secs(1), run_id: "r".to_owned(), now: None };
        let shown = format!("{order:?}");
        assert!(!shown.contains("abc") && shown.contains("7411"), "{shown}");
    }
}
