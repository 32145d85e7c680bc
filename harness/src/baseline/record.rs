//! Defines the content of a baseline file.

use serde::{Deserialize, Serialize};

use crate::measure::metric::{Better, Kind, Source, Unit};
use crate::measure::record::References;
use crate::measure::{FleetShape, GitFacts, HostFacts, ToolFacts};

/// Layout version of [`Baseline`]; a reader refuses a higher one.
pub const SCHEMA_VERSION: u32 = 1;

/// Every run promoted under one name for one scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// See [`SCHEMA_VERSION`].
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
    /// `main`, `releases`, `pr-7` or a name that the user chose.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")))]
    pub name: String,
    /// `name` of the scenario.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Za-z0-9_-]{1,64}$")))]
    pub scenario: String,
    /// Oldest first, by their start; a run is compared with the newest, the others are its history.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub runs: Vec<Promoted>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Promoted {
    /// Unique name of the run.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub run_id: String,
    /// When the run began: RFC 3339, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Utc"))]
    pub started_at: String,
    /// When it was promoted: RFC 3339, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Utc"))]
    pub promoted_at: String,
    /// State of the working copy it was started in.
    pub git: Option<GitFacts>,
    pub host: HostFacts,
    /// The shape of the fleet that sent the load; absent if a process of the host did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetShape>,
    /// The harness that measured it.
    pub tool: ToolFacts,
    /// The measured program: its file name without the folder, or the name of the image.
    pub program: String,
    /// SHA-256 of the program, hexadecimal; absent for a builtin and for a program that is not a file of the host.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::measure::shape::Sha256>"))]
    pub program_sha256: Option<String>,
    /// SHA-256 of the scenario's text, hexadecimal.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Sha256"))]
    pub scenario_sha256: String,
    /// SHA-256 of what the scenario means for a measurement; absent in runs of an older harness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::measure::shape::Sha256>"))]
    pub plan_sha256: Option<String>,
    /// Whether `--quick` was given.
    pub quick: bool,
    /// `--set` arguments, in order.
    pub overrides: Vec<String>,
    /// SHA-256 of the record, as stated in its `result.json`.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Sha256"))]
    pub record_sha256: String,
    /// Why it was promoted although its verdict was not a pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub override_reason: Option<String>,
    /// How fast its machine was; absent in runs of an older harness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<References>,
    /// Every metric that had a value.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub metrics: Vec<StoredMetric>,
}

/// One metric of a promoted run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StoredMetric {
    /// `category/name`, with `@stage` if the stage is not named after its kind.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::MetricId"))]
    pub id: String,
    /// Unit of all its values.
    pub unit: Unit,
    pub direction: Better,
    /// How the values are obtained.
    pub kind: Kind,
    /// Who found its values; absent if only one kind of stage has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Median of `rounds`, finite.
    pub point: f64,
    /// The value of each valid round or launch, in order, at least one; rounded to six significant digits, whole
    /// numbers exactly.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub rounds: Vec<f64>,
    /// The same quantity without the target; absent if the stage has no direct arm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<Direct>,
    /// Why it must not gate, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisory: Option<String>,
}

/// A quantity on the direct arm and its interval, in the unit of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Direct {
    pub point: f64,
    pub low: f64,
    pub high: f64,
}

impl Baseline {
    /// Returns the newest run, which others are compared with.
    pub fn newest(&self) -> Option<&Promoted> {
        self.runs.last()
    }
}

impl Promoted {
    /// Returns the metric with that id.
    pub fn metric(&self, id: &str) -> Option<&StoredMetric> {
        self.metrics.iter().find(|metric| metric.id == id)
    }

    /// Returns the abbreviated commit, with `+` appended if tracked files differed; `None` outside a working copy.
    pub fn commit(&self) -> Option<String> {
        let git = self.git.as_ref()?;
        let sha: String = git.sha.chars().take(12).collect();
        Some(if git.dirty { sha + "+" } else { sha })
    }
}
