//! An overhead stage records its rounds, as every stage with load does.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;

/// Has only the facts that every stage records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {}

impl OwnFacts for Stage {}

/// Has only the facts that every instance records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {}

impl OwnFacts for Instance {}
