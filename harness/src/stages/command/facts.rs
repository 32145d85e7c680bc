//! Records the runs of a command.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;
use crate::measure::trial::Build;
use harness_rig::page_cache::Dropped;
use harness_rig::stopwatch::TimedRun;
use harness_rig::usage::{Reading, Series};

/// Facts of all runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Exit codes of a run that succeeded.
    pub exit_codes: Vec<u64>,
    /// Largest share of runs that may fail, from 0 to 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub failed_limit: f64,
    /// Time after which a run is stopped, in nanoseconds.
    pub time_limit_ns: u64,
    /// What is dropped from the page cache before each run; absent if nothing is, so that files are read from memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<Dropped>,
    /// The runs before the measured ones, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warmups: Vec<WarmUp>,
    /// Turns in which the run of a build failed, in order. The run of the other build does not count either, so that pairs stay pairs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_turns: Vec<u64>,
}

impl OwnFacts for Stage {
    fn of_build(&self, build: Build, _size_bytes: Option<u64>) -> Self {
        let warmups = self.warmups.iter().filter(|warmup| warmup.build == build).cloned().collect();
        Self { warmups, ..self.clone() }
    }
}

/// A run that does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    pub build: Build,
    /// Wall time in nanoseconds; absent if it was stopped at the time limit.
    pub wall_ns: Option<u64>,
}

/// Facts of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// From 0; each build runs once in each turn.
    pub turn: u64,
    /// The run; absent if it was stopped at the time limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<TimedRun>,
    /// A reading from before the run and one from after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readings: Option<Series<Reading>>,
}

impl OwnFacts for Instance {
    fn readings(&self) -> Option<&Series<Reading>> {
        self.readings.as_ref()
    }
}
