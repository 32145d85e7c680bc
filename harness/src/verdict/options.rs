//! How strictly to judge, and by what.

use super::context::Context;
use super::gate::Gates;

/// The mildest finding that fails a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailOn {
    /// Whatever could not be decided, and all below.
    Inconclusive,
    /// An alert, and all below.
    Alert,
    #[default]
    Block,
}

/// How strictly to judge, and by what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// `--fail-on`.
    pub fail_on: FailOn,
    /// `[gate]` of the scenario.
    pub gates: Gates,
    /// Stored runs, the last run's breaches, the rerun, the reason of an override.
    pub context: Context,
}
