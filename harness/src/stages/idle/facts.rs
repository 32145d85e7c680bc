//! Records an idle stage.

use serde::{Deserialize, Serialize};

use crate::measure::own::{OwnFacts, no_facts};
use harness_rig::usage::{Reading, Series};

no_facts! {
    /// Has only the facts that every stage records.
    Stage
}

/// Facts of one launch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Readings of its window; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readings: Option<Series<Reading>>,
}

impl OwnFacts for Instance {
    fn readings(&self) -> Option<&Series<Reading>> {
        self.readings.as_ref()
    }
}
