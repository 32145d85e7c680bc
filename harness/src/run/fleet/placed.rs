//! A pod with a target that was placed for one instance.

use std::net::IpAddr;
use std::sync::Arc;

use super::follower::Follower;
use harness_rig::launch::PodFacts;

/// A pod whose containers run.
#[derive(Debug)]
pub(crate) struct Placed {
    /// What Kubernetes had reported when they ran.
    pub(crate) facts: PodFacts,
    pub(crate) address: IpAddr,
    /// The name of the target's container.
    pub(crate) container: String,
    /// The id of this container.
    pub(crate) id: String,
    pub(crate) follower: Arc<Follower>,
}
