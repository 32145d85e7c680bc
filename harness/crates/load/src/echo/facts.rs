//! How fast connections were opened: plain data for the record.

use serde::{Deserialize, Serialize};

use crate::outcome::Outcomes;

/// The connections of one arm that were opened one after the other, before its load.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Handshakes {
    /// Times of full handshakes, from the start until a message could be sent, in nanoseconds.
    pub ready_ns: Vec<u64>,
    /// Times from the same start until the first byte of the first echo was read, in nanoseconds.
    pub first_byte_ns: Vec<u64>,
    /// The same for resumed sessions whose message was sent with the first packet, and was accepted so (0-RTT); empty for TCP.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub early_ns: Vec<u64>,
    /// Resumed sessions whose message the server did not accept with the first packet.
    #[serde(default)]
    pub early_refused: u64,
    /// Connections that a stall of the generator overlaps; they are in no other count.
    #[serde(default)]
    pub stalled: u64,
    /// What became of the connections and their messages.
    pub outcomes: Outcomes,
    /// Example of a failure, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}
