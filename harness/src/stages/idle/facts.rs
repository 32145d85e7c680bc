//! What an idle stage records.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;
use harness_rig::usage::{Reading, Series};

/// Nothing beside what every stage records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {}

impl OwnFacts for Stage {}

/// What one launch showed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Readings over its window; absent where it came to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readings: Option<Series<Reading>>,
}

impl OwnFacts for Instance {
    fn readings(&self) -> Option<&Series<Reading>> {
        self.readings.as_ref()
    }
}
