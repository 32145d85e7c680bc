//! Defines what distinguishes the cells of `[matrix]`.

use serde::{Deserialize, Serialize};

/// The place of a stage in a matrix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CellFacts {
    /// The stage of the scenario whose values vary.
    pub stage: String,
    /// Its values, in the order of the keys in `[matrix]`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub values: Vec<CellValue>,
}

/// A value of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CellValue {
    /// The key, or the name of values that vary together.
    pub key: String,
    /// The value as a scenario writes it, without quotes.
    pub value: String,
}
