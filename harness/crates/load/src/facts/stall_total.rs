//! The stalls of the generator in one window: plain data for the record.

use serde::{Deserialize, Serialize};

/// The spans of a window in which the generator did not run although it had work, and no other thread had its CPU: it was stopped or
/// frozen, or the hypervisor had the CPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StallTotal {
    /// The length of all stalls in nanoseconds, within the window.
    pub span_ns: u64,
    /// Requests of the window that were under way during a stall or waited behind its backlog. They are in the outcomes, but not in
    /// the latencies: that time is not the target's.
    pub requests: u64,
    /// Those of them that ended after the window.
    pub ended_after: u64,
    /// Those of them that are errors. The stall can have caused them, for example a timeout.
    #[serde(default)]
    pub errors: u64,
}
