//! Names the rules of the audit.

use serde::{Deserialize, Serialize};

/// A rule of the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The number of scheduled requests equals the sum of all outcomes.
    Accounting,
    /// The share of errors is within its limit.
    Errors,
    /// The offered rate was answered.
    Achieved,
    /// Requests were released on time.
    PacerLagP99,
    /// Answers were read on time.
    ReadLagP99,
    /// The relays of the network wrote and read on time.
    RelayLagP99,
    /// Netem lost as many packets as it was to lose.
    PathLoss,
    /// Generator, upstream and relays ran when they were due.
    Stall,
    /// The CPU quota of the harness did not throttle it.
    Throttled,
    /// The probes of a launch were not kept waiting.
    ProbeGap,
    /// The program was in memory when it was launched.
    Cold,
    /// Few requests remained unsent.
    Unsent,
    /// The hits of the upstream match the requests that were sent.
    Ledger,
    /// Rate, latency and concurrency agree.
    LittlesLaw,
    /// The processes were read at the edges of the window.
    Readings,
    /// The target was below saturation.
    TargetCpu,
    /// The hypervisor took little CPU time.
    Steal,
    /// Other processes took little CPU time.
    ForeignCpu,
    /// The nodes of a fleet began at the same time.
    Skew,
    /// The clock of each node of a fleet was known well.
    ClockError,
    /// Each node of a fleet had its share of the schedule.
    NodeShare,
    /// Only nodes of the fleet reached the upstream in a pod on the direct arm.
    Redirected,
}

impl Rule {
    /// Every rule, in the order in which the audit applies them.
    pub const ALL: [Self; 22] = [
        Self::Accounting,
        Self::Errors,
        Self::Achieved,
        Self::PacerLagP99,
        Self::ReadLagP99,
        Self::RelayLagP99,
        Self::PathLoss,
        Self::Stall,
        Self::Throttled,
        Self::ProbeGap,
        Self::Cold,
        Self::Unsent,
        Self::Ledger,
        Self::LittlesLaw,
        Self::Readings,
        Self::TargetCpu,
        Self::Steal,
        Self::ForeignCpu,
        Self::Skew,
        Self::ClockError,
        Self::NodeShare,
        Self::Redirected,
    ];

    /// Returns the name under `[audit]` and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounting => "accounting",
            Self::Errors => "errors",
            Self::Achieved => "achieved",
            Self::PacerLagP99 => "pacer_lag_p99",
            Self::ReadLagP99 => "read_lag_p99",
            Self::RelayLagP99 => "relay_lag_p99",
            Self::PathLoss => "path_loss",
            Self::Stall => "stall",
            Self::Throttled => "throttled",
            Self::ProbeGap => "probe_gap",
            Self::Cold => "cold",
            Self::Unsent => "unsent",
            Self::Ledger => "ledger",
            Self::LittlesLaw => "littles_law",
            Self::Readings => "readings",
            Self::TargetCpu => "target_cpu",
            Self::Steal => "steal",
            Self::ForeignCpu => "foreign_cpu",
            Self::Skew => "skew",
            Self::ClockError => "clock_error",
            Self::NodeShare => "node_share",
            Self::Redirected => "redirected",
        }
    }
}
