//! The processes that a sampler watches.

use crate::cgroup::Places;

/// A target and its descendants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    pub pid: i32,
    /// The value of [`crate::launch::MARK`] in its environment. Without it, children that are re-parented to the keeper are not found.
    pub mark: Option<String>,
    /// Whether its control group at the start of the sampler is its own, so that it is read too.
    pub group: bool,
}

/// The container of a target that others have started, beside that of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The text of `/proc/PID/cgroup` of its processes. Every process with this text belongs to the target.
    pub cgroup: String,
    /// Its control group; absent if that is not visible. Read in place of the one that the target's process has by our own mounts.
    pub places: Option<Places>,
}

/// The processes to watch, by pid. Each must be alive when the sampler starts; after that, a reused number is recognized.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    pub target: Option<Tree>,
    /// The container of the target; absent if its processes are found by their parents.
    pub container: Option<Container>,
    pub generator: Option<i32>,
    /// The upstream, if it is ours.
    pub upstream: Option<i32>,
    /// The process that plays foreign hosts, if there is one.
    pub egress: Option<i32>,
    /// The relays of the network.
    pub relays: Vec<i32>,
    /// The keeper, to which orphans of the target are re-parented.
    pub keeper: Option<i32>,
}
