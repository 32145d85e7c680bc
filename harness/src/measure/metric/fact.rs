//! What is no number: texts and flags. They go to the record and the flat array, never to Bencher, which takes numbers only.

use serde::{Serialize, Serializer};

use super::row::Absent;
use crate::measure::kind::StageKind;
use crate::measure::record::StageRecord;

/// What a fact's values are.
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
    /// The kind of stage it is taken from.
    pub stage: StageKind,
    /// What REQ-OBS-001 asks for.
    pub target: &'static str,
    /// What it means, for `docs/metrics.md`.
    pub about: &'static str,
    /// Its value in a valid stage.
    pub of: fn(&StageRecord) -> Result<FactValue, Absent>,
}

impl Fact {
    /// Its id for one stage, as that of a metric.
    pub fn id_for(&self, stage: &StageRecord) -> String {
        if stage.name == stage.kind().name() { self.id.to_owned() } else { format!("{}@{}", self.id, stage.name) }
    }
}

impl FactKind {
    /// How it is written in the flat array of REQ-OBS-001 8.1.
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
