//! Records what the target reported of itself over the windows of another stage.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;
use crate::measure::scraped::{Asked, Found};

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The stage whose windows are described.
    pub of: String,
    pub asked: Vec<Asked>,
}

impl OwnFacts for Stage {}

/// What one instance of that stage reported over its valid rounds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Time of these rounds, each from the answers before it to those after it, in nanoseconds.
    pub span_ns: u64,
    /// Requests that they sent to the target.
    pub sent: u64,
    /// In the order of what is asked for.
    pub found: Vec<Found>,
    /// Time between the last two answers, in which no request was sent, in nanoseconds.
    #[serde(default)]
    pub idle_ns: u64,
    /// What was counted in that time, in the order of what is asked for; 0 for a gauge.
    #[serde(default)]
    pub idle: Vec<f64>,
}

impl OwnFacts for Instance {}
