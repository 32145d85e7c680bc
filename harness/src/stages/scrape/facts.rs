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

/// What one instance of that stage reported over its counted rounds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Time between the two answers, in nanoseconds.
    pub span_ns: u64,
    /// Requests that were sent to the target in between.
    pub sent: u64,
    /// In the order of what is asked for.
    pub found: Vec<Found>,
}

impl OwnFacts for Instance {}
