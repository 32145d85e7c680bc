//! What is sent, as a scenario has it.

use serde::{Deserialize, Serialize};

use crate::facts::Arm;
use harness_base::units::Bytes;

/// The smallest message: its header.
pub const SMALLEST: Bytes = Bytes(16);
/// The largest message.
pub const LARGEST: Bytes = Bytes(4 << 20);

/// The messages of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Length of each message, from [`SMALLEST`] to [`LARGEST`].
    pub size: Bytes,
    /// The name of the protocol that is offered with TLS and QUIC (ALPN).
    pub alpn: String,
    /// The arm that speaks QUIC; the others speak TCP, with TLS if their address has it.
    pub quic: Arm,
}

impl Workload {
    /// Describes it: `echoed messages of 1 KiB`.
    pub fn describe(&self) -> String {
        format!("echoed messages of {}", self.size.notation())
    }
}
