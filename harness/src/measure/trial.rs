//! Defines a trial: one measurement of one arm, with the report of the load generator, the readings and the audit.

use serde::{Deserialize, Serialize};

use super::audit::check::{Check, Tag};
use super::fleet::FleetTrial;
use super::relays::RelayFacts;
use harness_load::facts::{Arm, LoadFacts};
use harness_load::pace::Pace;
use harness_rig::threads::ThreadsUsage;
use harness_rig::usage::{Reading, Series};

/// The build that a trial measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Build {
    Base,
    /// The judged build; the only one if nothing is compared.
    #[default]
    Head,
}

/// The count of the upstream and that of the generator, over warm-up, window and drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Hits the upstream counted on the scenario's methods and paths.
    pub upstream_hits: u64,
    /// Requests the generator put on the wire.
    pub sent: u64,
    /// How long the upstream's event loop did not run within the window although it was due, in nanoseconds, without what the hypervisor
    /// can have taken; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_stall_ns: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    pub arm: Arm,
    /// Which build of the target.
    pub build: Build,
    pub offered: Pace,
    pub connections: u64,
    /// The report of the load generator.
    pub load: LoadFacts,
    /// The count of the upstream; absent if it is not the bundled one.
    pub ledger: Option<Ledger>,
    /// What the relays of the network did; empty without a network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relays: Vec<RelayFacts>,
    /// How well the nodes of the fleet kept together; absent if a process of the host sent the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetTrial>,
    /// Readings of all processes; the first and the last one were taken at the edges of the window.
    pub readings: Series<Reading>,
    /// Peak RSS of the target in the window in bytes, if the kernel allows it to be reset.
    pub peak_rss_bytes: Option<u64>,
    /// CPUs that the target may use: those of its cpuset, but at most its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub target_cpus: Option<f64>,
    /// Use of the threads of the target in the window; absent on the direct arm, and if the kernel does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_threads: Option<ThreadsUsage>,
    pub audit: Vec<Check>,
    /// Remarks for readers, for example `co-located`.
    pub tags: Vec<Tag>,
}

impl TrialRecord {
    /// Creates the trial of the head over one connection, with no more than the report of the load generator.
    pub fn new(arm: Arm, offered: Pace, load: LoadFacts) -> Self {
        Self {
            arm,
            build: Build::Head,
            offered,
            connections: 1,
            load,
            ledger: None,
            relays: Vec::new(),
            fleet: None,
            readings: Series(Vec::new()),
            peak_rss_bytes: None,
            target_cpus: None,
            target_threads: None,
            audit: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// Returns whether every rule of the audit holds.
    pub fn is_valid(&self) -> bool {
        self.audit.iter().all(|check| check.passed)
    }

    /// Returns valid completions inside the window ÷ its measured length, in requests per second.
    pub fn rps(&self) -> Option<f64> {
        let seconds = self.load.window_ns as f64 / 1e9;
        (seconds > 0.0).then(|| self.load.completed_in_window as f64 / seconds)
    }
}

impl Build {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Head => "head",
        }
    }
}
