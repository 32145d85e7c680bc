//! The result of stopping a process.

use harness_base::units::Nanos;

use crate::launch::Ending;

/// How a process was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    pub ending: Ending,
    /// From SIGTERM to its end; zero where it had ended before.
    pub took: Nanos,
    pub killed: bool,
    /// Processes of its own that it left behind and that had to be killed.
    pub strays: usize,
}
