//! A stage of connections records how they are used, and its rounds, as every stage with load does.

use serde::{Deserialize, Serialize};

use crate::measure::own::{OwnFacts, no_facts};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Requests that each connection carries before it is closed.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub requests_per_connection: u64,
    /// Whether TLS was to resume earlier sessions; absent for an endpoint without TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumption: Option<bool>,
}

impl OwnFacts for Stage {}

no_facts! {
    /// Has only the facts that every instance records.
    Instance
}
