//! Describes every object that a run creates on Kubernetes, as the API expects it.

mod agent;
mod common;
mod container;
mod jobs;
mod manifest;
#[cfg(test)]
mod sample;
mod target;

pub use agent::{AGENT, Agent};
pub use common::{
    Common, HUB, MANAGED_BY, MANAGER, NODE, Owner, ROLE, RUN, TARGET, prefix, run_label, secret, target_name,
};
pub use container::{APP, Container, Size};
pub use jobs::{FLEET_PORT, HUB_PORT, Nodes, hub, nodes};
pub use manifest::ObjectError;
pub use target::{Shape, target};
