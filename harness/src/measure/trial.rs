//! One trial: one arm, once. What the load generator reported, what was read meanwhile, and the audit of it.

use serde::{Deserialize, Serialize};

use super::audit::check::{Check, Tag};
use harness_load::facts::{Arm, LoadFacts};
use harness_load::pace::Pace;
use harness_rig::threads::ThreadsUsage;
use harness_rig::usage::{Reading, Series};

/// Which build of the target a trial measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Build {
    Base,
    /// What is being judged; the only one where nothing is compared.
    #[default]
    Head,
}

/// The upstream's own count against ours, over warm-up, window and drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Hits the upstream counted on the scenario's methods and paths.
    pub upstream_hits: u64,
    /// Requests the generator put on the wire.
    pub sent: u64,
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
    /// What the load generator says.
    pub load: LoadFacts,
    /// The upstream's count; absent for an upstream that is not ours.
    pub ledger: Option<Ledger>,
    /// Readings of all processes; the first and last one were taken at the window's edges.
    pub readings: Series<Reading>,
    /// Peak RSS of the target within the window in bytes, where the kernel let us reset it.
    pub peak_rss_bytes: Option<u64>,
    /// CPUs the target may use: those it may run on, and no more than its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub target_cpus: Option<f64>,
    /// What the threads of the target did within the window; absent on the direct arm, and where the kernel does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_threads: Option<ThreadsUsage>,
    pub audit: Vec<Check>,
    /// What a reader must know beside the numbers, for example `co-located`.
    pub tags: Vec<Tag>,
}

impl TrialRecord {
    /// Whether every rule of the audit holds.
    pub fn is_valid(&self) -> bool {
        self.audit.iter().all(|check| check.passed)
    }

    /// Valid completions inside the window ÷ its measured length, in requests per second.
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
