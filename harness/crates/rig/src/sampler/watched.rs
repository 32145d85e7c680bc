//! The processes that a sampler watches.

/// A target and everything it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    pub pid: i32,
    /// Value of [`crate::launch::MARK`] in its environment; without one, children orphaned to the keeper are not found.
    pub mark: Option<String>,
    /// Whether its control group is its own, and so to be read as well: that in which the process lives when the sampler starts.
    pub group: bool,
}

/// The processes to watch, by pid. Each must live when the sampler starts: from then on a number given again to another
/// process is told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    pub target: Option<Tree>,
    pub generator: Option<i32>,
    /// The upstream, where it is ours.
    pub upstream: Option<i32>,
    /// The keeper, to which orphans of the target are re-parented.
    pub keeper: Option<i32>,
}
