//! Defines facts: texts and flags in the record and the flat array. Bencher does not receive them, because it accepts
//! numbers only.

use serde::{Serialize, Serializer};

use super::row::Absent;
use crate::measure::kind::StageKind;
use crate::measure::record::StageRecord;

/// Type of the values of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactKind {
    Text,
    Flag,
}

/// The value of a fact. In JSON it is a string or a boolean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactValue {
    Text(String),
    Flag(bool),
}

/// One row of the table of facts.
#[derive(Debug, Clone, Copy)]
pub struct Fact {
    /// `category/name`.
    pub id: &'static str,
    /// Identifier in REQ-OBS-001 section 5.
    pub req: &'static str,
    pub kind: FactKind,
    /// The kind of stage that it is taken from.
    pub stage: StageKind,
    /// The requirement of REQ-OBS-001.
    pub target: &'static str,
    /// Its meaning, for `docs/metrics.md`.
    pub about: &'static str,
    /// Takes the value from a valid stage.
    pub of: fn(&StageRecord) -> Result<FactValue, Absent>,
}

impl Fact {
    /// Returns the id for one stage, like that of a metric.
    pub fn id_for(&self, stage: &StageRecord) -> String {
        if stage.name == stage.kind().name() { self.id.to_owned() } else { format!("{}@{}", self.id, stage.name) }
    }
}

impl FactKind {
    /// Returns the label in the flat array of REQ-OBS-001 8.1.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Flag => "bool",
        }
    }
}

impl Serialize for FactValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
        }
    }
}
