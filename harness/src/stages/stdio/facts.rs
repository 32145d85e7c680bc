//! A stage between pipes records what is spoken, and its rounds, as every stage with load does.

use serde::{Deserialize, Serialize};

use crate::measure::own::{OwnFacts, no_facts};
use harness_load::mcp::workload::Revision;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The revision of the protocol.
    pub revision: Revision,
    /// The most messages that are under way at the same time.
    pub in_flight: u64,
}

impl OwnFacts for Stage {}

no_facts! {
    /// Has only the facts that every instance records.
    Instance
}
