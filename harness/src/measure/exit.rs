//! Records how a target exited after it was stopped.

use serde::{Deserialize, Serialize};

use harness_rig::launch::Ending;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExitFacts {
    pub ending: Ending,
    /// From SIGTERM to its exit, in nanoseconds.
    pub took_ns: u64,
    pub killed: bool,
}
