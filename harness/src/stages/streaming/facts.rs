//! A stage of streams records which streams the upstream was asked for, and its rounds, as every stage with load does.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Events of each stream.
    #[cfg_attr(feature = "schema", schemars(range(min = 2)))]
    pub events: u64,
    /// Mean time from one event to the next, in nanoseconds.
    pub interval_ns: u64,
    /// Mean size of the text of an event, in bytes.
    pub size_bytes: u64,
    /// Events after which the generator leaves each stream; absent if it reads them to their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub leave_after: Option<u64>,
    /// How the target must pass streams on; absent if the scenario does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Passing>,
}

impl OwnFacts for Stage {}

/// How a target passes the events of a stream on, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Passing {
    /// One by one, as they come.
    Streams,
    /// Several at once.
    Coalesces,
    /// Nearly all of them at once, after the last.
    Buffers,
}

impl Passing {
    pub const ALL: [Self; 3] = [Self::Streams, Self::Coalesces, Self::Buffers];

    /// Returns the word in scenarios.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::Coalesces => "coalesces",
            Self::Buffers => "buffers",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Memory of the target before its first request: PSS for a tree of several processes, RSS otherwise; absent if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_bytes: Option<u64>,
}

impl OwnFacts for Instance {}
