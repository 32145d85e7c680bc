//! Defines the options of judging.

use super::context::Context;
use super::gate::Gates;

/// The mildest finding that fails a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailOn {
    /// An undecided finding, or a more serious one.
    Inconclusive,
    /// An alert, or a more serious finding.
    Alert,
    #[default]
    Block,
}

/// The options of judging.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// `--fail-on`.
    pub fail_on: FailOn,
    /// `[gate]` of the scenario.
    pub gates: Gates,
    /// Stored runs, breaches of the last run, the rerun, and the reason of an override.
    pub context: Context,
}
