//! Records reloads of the target under load.

use serde::{Deserialize, Serialize};

use crate::measure::audit::OwnProcess;
use crate::measure::own::OwnFacts;

/// Settings of the stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// What makes the target reload, as it is shown.
    pub trigger: String,
    /// The value in which an answer shows the new behaviour, as it is shown.
    pub observed: String,
    /// Reloads of each instance.
    pub reloads: u64,
    /// Time from one reload to the next, in nanoseconds, within which all connections must see it.
    pub every_ns: u64,
}

impl OwnFacts for Stage {}

/// The reloads of one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// In order.
    pub reloads: Vec<Triggered>,
    /// When processes of the harness that take part in it did not run although they were due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stalls: Vec<Stall>,
}

impl OwnFacts for Instance {}

/// A reload that was triggered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Triggered {
    /// Just before the trigger, in nanoseconds since the start of the window.
    pub at_ns: u64,
    /// How long the trigger itself took, in nanoseconds: until the signal was sent, or the request was answered.
    pub took_ns: u64,
}

/// A span in which a process of the harness did not run, in nanoseconds since the start of the window, negative before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ReloadStall"))]
#[serde(deny_unknown_fields)]
pub struct Stall {
    pub process: OwnProcess,
    pub from_ns: i64,
    pub until_ns: i64,
}
