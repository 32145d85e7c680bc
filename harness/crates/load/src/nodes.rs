//! What each of several generators did in one trial: plain data for the record.

use serde::{Deserialize, Serialize};

use crate::facts::stall_total::StallTotal;
use crate::latency::Lag;

/// The first request that a generator released in a trial, warm-up included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FirstRelease {
    /// When it was due, in nanoseconds since the start of the trial; in a closed loop, when the first user joined.
    pub intended_ns: u64,
    /// How much later it was sent, in nanoseconds. If the trial began after the ordered start, that delay is part of it.
    pub lag_ns: u64,
}

/// The trial of one generator of several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NodeTrial {
    /// From 0.
    pub index: u64,
    pub name: String,
    /// Requests scheduled into the window.
    pub scheduled: u64,
    /// All requests sent in warm-up, window and drain, answered or not.
    pub sent_total: u64,
    /// Valid completions inside the window, regardless of when they were due.
    pub completed_in_window: u64,
    /// Requests of the window that were not answered as expected.
    pub errors: u64,
    /// Requests of the window that were never released.
    pub unsent: u64,
    /// Requests that found no free connection at their intended start.
    pub late: u64,
    /// Absent if no request of an open loop was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacer_lag: Option<Lag>,
    /// Absent if the kernel stamped nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_lag: Option<Lag>,
    /// Absent if stalls cannot be distinguished from waiting for a CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalls: Option<StallTotal>,
    /// How much later than it was due the first request was sent, in nanoseconds; absent if none was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_lag_ns: Option<u64>,
    pub clock: NodeClock,
    pub host: NodeHost,
}

/// How the clock of a node compares with that of the hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NodeClock {
    /// The monotonic clock of the node − that of the hub, in nanoseconds.
    pub offset_ns: i64,
    /// How far that can be off, in both directions.
    pub error_ns: u64,
}

/// What was read of the host of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NodeHost {
    /// CPUs that the node may use.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub cpus: f64,
    /// The CPU time of the generator in the window, in nanoseconds; absent if it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ns: Option<u64>,
    /// The share (0 to 1) of the time of all CPUs that the hypervisor took; absent if it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub steal: Option<f64>,
    /// The share of the time of all CPUs that other processes used; absent if it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub foreign_cpu: Option<f64>,
    /// The share of the window in which the CPU quota held the node back; absent without a quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub throttled: Option<f64>,
}
