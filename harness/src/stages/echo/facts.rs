//! A stage of echoes records what is sent over which path, its rounds, and for each instance how fast connections were opened.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;
pub use harness_load::echo::facts::Handshakes;

/// What is spoken on the arm of TCP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Tcp {
    /// TLS 1.3 over TCP, because QUIC encrypts too.
    #[default]
    Tls,
    /// TCP alone.
    Plain,
}

impl Tcp {
    pub const ALL: [Self; 2] = [Self::Tls, Self::Plain];

    /// Returns the word in scenarios.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Plain => "plain",
        }
    }

    /// Returns what is spoken, for people.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Tls => "TLS 1.3 over TCP",
            Self::Plain => "TCP",
        }
    }
}

/// The path before the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "EchoPath"))]
#[serde(deny_unknown_fields)]
pub struct Path {
    /// Delay of each direction, in nanoseconds; a round trip takes twice as long.
    pub delay_ns: u64,
    /// The largest difference from it, in nanoseconds.
    pub jitter_ns: u64,
    /// Limit of each direction; absent without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_per_second: Option<u64>,
    /// Share of the packets that are lost, from 0 to 1.
    pub loss: f64,
    /// Share of the packets that arrive twice, from 0 to 1.
    pub duplicate: f64,
    /// Share of the packets that are held until later ones have passed, from 0 to 1.
    pub reorder: f64,
    /// Whether netem of the kernel made it, for both transports; relays otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub netem: bool,
}

/// Facts of the stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Length of each message, in bytes.
    pub size_bytes: u64,
    /// Messages that can be under way at the same time: streams of one connection of QUIC, and as many connections of TCP.
    pub streams: u64,
    /// Absent if only QUIC is measured, because a relay cannot make the path for TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Tcp>,
    /// Absent if nothing impairs the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Path>,
}

impl OwnFacts for Stage {}

/// Facts of an instance: its connections that were opened one after the other, before the rounds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Absent if none was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Handshakes>,
    /// Absent if none was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quic: Option<Handshakes>,
}

impl OwnFacts for Instance {}
