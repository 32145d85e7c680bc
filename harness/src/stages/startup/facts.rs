//! Records a startup stage.

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
    /// A reading from before the launch and one from after it; absent if it did not come up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readings: Option<Series<Reading>>,
    /// How long loading policies took, as the target reported it; absent if that is not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_load: Option<Reported>,
}

/// What a target reported after a launch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "StartupReported"))]
#[serde(rename_all = "snake_case")]
pub enum Reported {
    /// In milliseconds.
    Ms(f64),
    /// There is no value, with the reason.
    Missing(String),
}

impl OwnFacts for Instance {
    fn readings(&self) -> Option<&Series<Reading>> {
        self.readings.as_ref()
    }
}
