//! Defines a process that disturbed a stage.

use serde::{Deserialize, Serialize};

/// How many processes that disturbed a stage are recorded.
pub const DISTURBERS: usize = 5;

/// A process outside the run that used most CPU time in a rejected round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Disturber {
    pub pid: i32,
    /// The name of the process, at most 15 bytes.
    pub name: String,
    /// The CPU time that it used, in nanoseconds.
    pub cpu_ns: u64,
    /// The begin of the span in which it used that time, in nanoseconds since the stage began.
    pub from_ns: u64,
    /// The end of the span.
    pub until_ns: u64,
}
