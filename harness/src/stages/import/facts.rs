//! Records numbers that another tool has measured.

use serde::{Deserialize, Serialize};

use crate::measure::own::{OwnFacts, no_facts};
use crate::measure::trial::Build;

/// The imported benchmarks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    pub imports: Vec<Import>,
}

/// Imported benchmarks belong to the head.
impl OwnFacts for Stage {
    fn of_build(&self, build: Build, _size_bytes: Option<u64>) -> Self {
        if build == Build::Head { self.clone() } else { Self::default() }
    }
}

no_facts! {
    /// Has no facts, because nothing is launched.
    Instance
}

/// One metric of one benchmark of another tool.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Id of the metric.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::MetricId"))]
    pub metric: String,
    /// Name of the benchmark in the other tool.
    pub bench: String,
    /// The file, with its folder as the scenario names it.
    pub source: String,
    /// SHA-256 of that file, hexadecimal.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Sha256"))]
    pub sha256: String,
    /// Modification time of the file: RFC 3339, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Utc"))]
    pub written_at: String,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub samples: u64,
    /// Largest number of iterations in one sample.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub iterations: u64,
    /// Values in the unit of the metric: every sample for a metric that is their median, one value for a far quantile.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub values: Vec<f64>,
    /// Why it must not gate, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisory: Option<String>,
}
