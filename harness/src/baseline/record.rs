//! What a baseline file holds.

use serde::{Deserialize, Serialize};

use crate::measure::metric::{Better, Kind, Unit};
use crate::measure::record::{GitFacts, HostFacts};

/// Version of [`Baseline`]'s layout; a reader refuses a higher one.
pub const SCHEMA_VERSION: u32 = 1;

/// Every run promoted under one name for one scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// `main`, `releases`, `pr-7` or a name of the user's.
    pub name: String,
    /// `name` of the scenario.
    pub scenario: String,
    /// Oldest first; the newest is what a run is held against, the others are its history.
    pub runs: Vec<Promoted>,
}

/// One promoted run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promoted {
    /// Unique name of the run.
    pub run_id: String,
    /// When the run began: RFC 3339, UTC.
    pub started_at: String,
    /// When it was promoted: RFC 3339, UTC.
    pub promoted_at: String,
    /// State of the working copy it was started in.
    pub git: Option<GitFacts>,
    /// Where it ran.
    pub host: HostFacts,
    /// SHA-256 of the scenario's text, hexadecimal.
    pub scenario_sha256: String,
    /// `--quick` was given.
    pub quick: bool,
    /// `--set` arguments, in order.
    pub overrides: Vec<String>,
    /// SHA-256 of the record, as its `result.json` says it.
    pub record_sha256: String,
    /// Why it was promoted although its verdict spoke against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<String>,
    /// Every metric that had a value.
    pub metrics: Vec<StoredMetric>,
}

/// One metric of a promoted run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredMetric {
    /// `category/name`, with `@stage` where the stage is not named after its kind.
    pub id: String,
    /// Unit of all its values.
    pub unit: Unit,
    /// Which way is better.
    pub direction: Better,
    /// How the values came about.
    pub kind: Kind,
    /// Median of the rounds, finite.
    pub point: f64,
    /// The value of each valid round or launch, in order.
    pub rounds: Vec<f64>,
    /// Why it must not gate, where it must not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisory: Option<String>,
}
