//! Defines the result for one metric of one stage.

use serde::{Deserialize, Serialize};

use crate::measure::metric::{Better, Kind, Source, Unit, category};
use harness_stats::{Estimate, Interval};

/// One metric of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Measured {
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
    /// The stage it is from.
    pub stage: String,
    pub value: Value,
    /// The same quantity on either arm, if a stage has both.
    pub arms: Option<Arms>,
    /// How far the value of another run on this machine can be: the interval, wider by the scatter between runs. Absent if the speed of
    /// the machine does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between_runs: Option<Interval>,
    /// Why it must not gate, if that is so.
    pub advisory: Option<String>,
}

/// A value, or the reason for its absence. A missing value is never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Value {
    Estimated {
        /// Median of the rounds and its interval.
        estimate: Estimate,
        /// The value of each valid round or launch, in order.
        #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
        rounds: Vec<f64>,
        /// Positions of outliers in `rounds`; see [`harness_stats::Sample::outliers`]. They count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outliers: Vec<usize>,
    },
    Absent {
        reason: String,
    },
}

/// A quantity on both arms of one stage, in the unit of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Arms {
    pub direct: Estimate,
    pub proxied: Estimate,
}

impl Measured {
    /// Returns the estimate, if there is one.
    pub const fn estimate(&self) -> Option<&Estimate> {
        match &self.value {
            Value::Estimated { estimate, .. } => Some(estimate),
            Value::Absent { .. } => None,
        }
    }

    /// Returns the value of each valid round or launch, in order; empty if there is none.
    pub fn rounds(&self) -> &[f64] {
        match &self.value {
            Value::Estimated { rounds, .. } => rounds,
            Value::Absent { .. } => &[],
        }
    }

    /// Returns the positions of outliers.
    pub fn outliers(&self) -> &[usize] {
        match &self.value {
            Value::Estimated { outliers, .. } => outliers,
            Value::Absent { .. } => &[],
        }
    }

    pub fn absence(&self) -> Option<&str> {
        match &self.value {
            Value::Estimated { .. } => None,
            Value::Absent { reason } => Some(reason),
        }
    }

    /// Returns the part of the id before the slash.
    pub fn category(&self) -> &str {
        category(&self.id)
    }

    /// Returns the part of the id after the slash.
    pub fn name(&self) -> &str {
        self.id.split_once('/').map_or(self.id.as_str(), |(_, name)| name)
    }
}
