//! Defines the units of metrics.

use serde::{Deserialize, Serialize};

/// The unit of the values of a metric. JSON contains its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Unit {
    #[serde(rename = "bytes")]
    Bytes,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Millis,
    /// Microseconds.
    #[serde(rename = "µs")]
    Micros,
    /// Percent; 100 % of CPU is one core.
    #[serde(rename = "%")]
    Percent,
    /// Requests per second.
    #[serde(rename = "req/s")]
    PerSecond,
    /// Connections per second.
    #[serde(rename = "conn/s")]
    ConnectionsPerSecond,
    /// A million bytes per second.
    #[serde(rename = "MB/s")]
    MegabytesPerSecond,
    #[serde(rename = "count")]
    Count,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Better {
    Lower,
    Higher,
}

impl Unit {
    pub const ALL: [Self; 8] = [
        Self::Bytes,
        Self::Millis,
        Self::Micros,
        Self::Percent,
        Self::PerSecond,
        Self::ConnectionsPerSecond,
        Self::MegabytesPerSecond,
        Self::Count,
    ];

    /// Returns the unit with this label.
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.label() == label)
    }

    /// Returns the label in the flat array of REQ-OBS-001 8.1 and in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Millis => "ms",
            Self::Micros => "µs",
            Self::Percent => "%",
            Self::PerSecond => "req/s",
            Self::ConnectionsPerSecond => "conn/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::Count => "count",
        }
    }
}
