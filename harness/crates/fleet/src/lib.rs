//! A fleet: load generators on several machines that work as one.
//!
//! Control speaks the load child's protocol with the hub. The hub passes each command on to all nodes, each of which gives it to a load
//! child of its own, and merges their answers into one.
//!
//! ```text
//! control: client ── lines ── hub: door → session (one per node) → conductor (barrier, start, merge) → agents
//!                               ├── frames over TLS ── node: load child, sampler
//!                               └── frames over TLS ── agent in the pod of the target: sampler
//! ```
//!
//! An [`agent`] joins the hub like a node, and samples the target in whose pod it runs.

pub mod agent;
pub mod clock;
pub mod frame;
pub mod hello;
pub mod hub;
pub mod message;
pub mod node;
pub mod order;
pub mod pod;
pub mod secret;
pub mod spec;
pub mod tls;

mod binary;
mod client;
mod upward;

pub use client::{AssembleError, assemble, assemble_over};
pub use hello::Refusal;
pub use node::{JoinError, JoinOptions, Served, join};
pub use order::{HubEvent, HubOrder, LEAD, NodeFacts, RefusedPeer};
pub use secret::{HUB_VARIABLE, HubSecret, NODE_FILE_VARIABLE, NODE_VARIABLE, NodeSecret, SecretError};
pub use spec::{Each, FleetEngine, FleetSpec, Range, RangeError};

#[cfg(test)]
mod tests;
