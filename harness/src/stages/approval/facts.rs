//! Records how long a target takes to ask for an approval, and to answer once it is given.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;
use harness_load::outcome::Outcomes;
use harness_rig::usage::{Reading, Series};

/// Facts of the stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The foreign host that is asked, by its name in the scenario.
    pub egress: String,
    /// Requests of each launch.
    pub count: u64,
    /// Time from a request for approval until the approval is given, in nanoseconds.
    pub approve_after_ns: u64,
    /// Largest permitted share of requests that fail, from 0 to 1.
    pub failed_limit: f64,
}

/// Facts of one launch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The requests that were approved and answered as expected, in their order.
    #[serde(default)]
    pub approvals: Vec<Approval>,
    /// Requests that were approved and answered as expected, but that stalls of the harness made longer; they are not in `approvals`.
    #[serde(default)]
    pub disturbed: u64,
    /// What became of all requests. Those of [`Instance::faults`] count as wrong bodies.
    #[serde(default)]
    pub outcomes: Outcomes,
    /// Requests whose answer was as expected although the approval was not asked for or given as it has to be.
    #[serde(default)]
    pub faults: Faults,
    /// Example of a request that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// A reading from before the launch and one from after the last request; absent if the target or the run ended before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readings: Option<Series<Reading>>,
}

/// The spans of one approved request, in nanoseconds, by the monotonic clock of the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// From the request until the foreign host was asked for approval.
    pub overhead_ns: u64,
    /// From the approval until the last byte of the answer.
    pub decision_ns: u64,
    /// From the request until the last byte of the answer.
    pub total_ns: u64,
}

/// Requests by what was wrong with their approval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ApprovalFaults"))]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// No approval was asked for.
    pub unasked: u64,
    /// Approval was asked for more than once.
    pub repeated: u64,
    /// Approval was not asked for between the request and its answer.
    pub out_of_order: u64,
    /// The answer came before the approval was given.
    pub early: u64,
}

impl OwnFacts for Stage {}

impl OwnFacts for Instance {
    fn readings(&self) -> Option<&Series<Reading>> {
        self.readings.as_ref()
    }
}

impl Faults {
    /// Returns each kind with its words in messages.
    pub const fn each(&self) -> [(u64, &'static str); 4] {
        [
            (self.unasked, "asked for no approval"),
            (self.repeated, "asked for more than one approval"),
            (self.out_of_order, "asked for the approval before the request or after its answer"),
            (self.early, "answered before the approval was given"),
        ]
    }

    pub const fn add(&mut self, other: Self) {
        self.unasked += other.unasked;
        self.repeated += other.repeated;
        self.out_of_order += other.out_of_order;
        self.early += other.early;
    }
}
