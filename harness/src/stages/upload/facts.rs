//! A stage of transfers records what is transferred, and its rounds, as every stage with load does.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Bytes of the body of a request; absent if answers are measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub upload_bytes: Option<u64>,
    /// Bytes of the body of an answer; absent if requests are measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub download_bytes: Option<u64>,
}

impl OwnFacts for Stage {}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Memory of the target before its first request: PSS for a tree of several processes, RSS otherwise; absent if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_bytes: Option<u64>,
}

impl OwnFacts for Instance {}
