//! When the value that is watched in the answers changed, by connection.

use serde::{Deserialize, Serialize};

/// The most changes that are kept.
const MOST: usize = 10_000;

/// The changes of a watched value in warm-up and window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Watched {
    /// In the order of their instants; the first of each connection is its first answer.
    pub changes: Vec<Change>,
    /// Valid answers without the value.
    pub without: u64,
    /// Changes beyond those that are kept.
    #[serde(default)]
    pub dropped: u64,
    /// When the generator was stalled, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stalls: Vec<Stalled>,
}

/// A span in which the generator did not run although it was due, in nanoseconds since the start of the window, negative before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "WatchedStall"))]
#[serde(deny_unknown_fields)]
pub struct Stalled {
    pub from_ns: i64,
    pub until_ns: i64,
}

/// The first answer of a connection with another value than the answer before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "WatchedChange"))]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The number of the user whose connection it is. A connection that takes the place of one that was closed has the same.
    pub connection: u64,
    /// When the request of the last answer with the old value was sent, in nanoseconds since the start of the window, negative before it;
    /// absent for the first answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_ns: Option<i64>,
    /// When the answer had been read, likewise.
    pub at_ns: i64,
    /// A number that stands for the new value.
    pub value: u64,
}

impl Watched {
    pub(crate) fn add(&mut self, change: Change) {
        if self.changes.len() < MOST {
            self.changes.push(change);
        } else {
            self.dropped += 1;
        }
    }

    /// Adds the changes of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.changes.iter().for_each(|change| self.add(*change));
        self.without += other.without;
        self.dropped += other.dropped;
        self.stalls.extend_from_slice(&other.stalls);
    }

    /// Returns the same, with the changes and the stalls in order.
    pub(crate) fn sorted(mut self) -> Self {
        self.changes.sort_by_key(|change| (change.at_ns, change.connection));
        self.stalls.sort_by_key(|stall| (stall.from_ns, stall.until_ns));
        self
    }
}
