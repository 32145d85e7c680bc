//! The result of stopping a process.

use harness_base::units::Nanos;

use crate::launch::Ending;

/// How a process was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    pub ending: Ending,
    /// The time from SIGTERM to its end; zero if it had ended before.
    pub took: Nanos,
    pub killed: bool,
    /// The number of its descendants that had to be killed.
    pub strays: usize,
}
