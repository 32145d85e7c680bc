//! Numbers that another tool has measured, as a run found them.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;
use crate::measure::trial::Build;

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    pub imports: Vec<Import>,
}

/// What is imported belongs to the head.
impl OwnFacts for Stage {
    fn of_build(&self, build: Build, _size_bytes: Option<u64>) -> Self {
        if build == Build::Head { self.clone() } else { Self::default() }
    }
}

/// Nothing is launched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {}

impl OwnFacts for Instance {}

/// One metric of one benchmark of another tool.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Id of the metric it is.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::MetricId"))]
    pub metric: String,
    /// What the other tool calls the benchmark.
    pub bench: String,
    /// The file it was read from, as the scenario names its folder.
    pub source: String,
    /// SHA-256 of that file, hexadecimal.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Sha256"))]
    pub sha256: String,
    /// When the file was written: RFC 3339, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Utc"))]
    pub written_at: String,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub samples: u64,
    /// Most iterations that one sample is the mean of.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub iterations: u64,
    /// In the metric's unit: every sample for a metric that is their median, one value for a far quantile.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub values: Vec<f64>,
    /// Why it must not gate, where it must not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisory: Option<String>,
}
