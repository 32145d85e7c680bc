//! How single streams ended, as the generator saw it.

use serde::{Deserialize, Serialize};

use crate::events::ReadEvents;
use crate::outcome::Outcome;
use harness_base::clock::Mono;

/// A stream that was asked for, and how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StreamEnd {
    /// Identifies it among the streams of the upstream; absent if none of its events arrived.
    pub stream: Option<u64>,
    /// When it was asked for.
    pub sent: Mono,
    /// When its first event arrived.
    pub first: Option<Mono>,
    /// The instant of its last byte, or of the failure.
    pub ended: Mono,
    /// *ok* if the answer came to an end, whether or not all events are there.
    pub outcome: Outcome,
    /// Events that it should have.
    pub asked: u64,
    /// Different events of it that arrived.
    pub arrived: u64,
}

impl StreamEnd {
    pub(crate) fn of(asked: u64, sent: Mono, (ended, outcome): (Mono, Outcome), events: ReadEvents<'_>) -> Self {
        let stamps = || events.stamps.iter().flatten();
        let stream = stamps().next().map(|stamp| stamp.stream);
        let mut indexes: Vec<u64> = stamps()
            .filter(|stamp| Some(stamp.stream) == stream && stamp.index < asked)
            .map(|stamp| stamp.index)
            .collect();
        indexes.sort_unstable();
        indexes.dedup();
        Self { stream, sent, first: events.ends.first().copied(), ended, outcome, asked, arrived: indexes.len() as u64 }
    }

    /// Returns whether all of its events arrived and its answer came to an end.
    pub fn is_whole(&self) -> bool {
        self.outcome == Outcome::Ok && self.arrived == self.asked
    }
}
