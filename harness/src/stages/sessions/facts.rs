//! Records how much of the target open sessions or streams use, and what it releases when they end.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;
use harness_load::mcp::workload::Revision;
use harness_load::outcome::Outcomes;
use harness_rig::usage::{Reading, Series};

/// What is opened through the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// MCP sessions, which `initialize` opens.
    #[default]
    Sessions,
    /// Streams that stay open and idle: `subscriptions/listen`, or the stream of a GET request within a session.
    Streams,
    /// Requests whose bodies are under way: all but the last byte was sent. A burst of them is what a target needs most memory for.
    Requests,
}

/// How sessions end, as shares of their connections from 0 to 1. The sessions of one connection end alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ends {
    /// The client sends DELETE, then closes the connection.
    pub delete: f64,
    /// The client closes the connection.
    pub close: f64,
    /// The client leaves the connection open and sends nothing more.
    pub abandon: f64,
    /// The client sends the last byte of the body, reads the answer, and closes the connection.
    #[serde(default)]
    pub finish: f64,
}

/// Facts of the stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    pub held: Held,
    pub revision: Revision,
    /// Sessions that share a connection; 1 for streams and requests.
    pub per_connection: u64,
    /// Size of the body of each request, in bytes; 0 for sessions and streams.
    #[serde(default)]
    pub body_bytes: u64,
    pub ends: Ends,
    /// Time between the end of all and the last reading, in nanoseconds.
    pub wait_ns: u64,
    /// Largest permitted share of sessions or streams that fail, from 0 to 1.
    pub failed_limit: f64,
}

/// Facts of one launch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The steps in their order; in the first, nothing is open.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// What became of the requests that open, use and end sessions or streams, those of the first one that is not counted included.
    #[serde(default)]
    pub outcomes: Outcomes,
    /// Example of a wrong answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// Absent if the target or the run ended before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// A number of open sessions or streams, and the target while they were held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Sessions or streams that were open at the end of the step.
    pub open: u64,
    /// Streams of all steps so far that the target ended by itself.
    #[serde(default)]
    pub cut: u64,
    pub level: Level,
}

/// How all sessions or streams ended, and the target after that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ended {
    pub deleted: u64,
    pub closed: u64,
    pub abandoned: u64,
    /// Requests that were completed and answered.
    #[serde(default)]
    pub finished: u64,
    /// Sessions whose DELETE was answered with 405, which servers may do; the connection was closed.
    #[serde(default)]
    pub not_deletable: u64,
    pub level: Level,
}

/// What the target uses: the median of the readings of a window, and the last value of what is read once a second only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SessionsLevel"))]
#[serde(deny_unknown_fields)]
pub struct Level {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_bytes: Option<u64>,
    /// Memory in which shared pages are divided among the processes that share them; the last value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pss_bytes: Option<u64>,
    /// The last value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
}

impl OwnFacts for Stage {}

impl OwnFacts for Instance {}

impl Held {
    pub const ALL: [Self; 3] = [Self::Sessions, Self::Streams, Self::Requests];

    /// Returns what is opened, for messages: `MCP sessions`.
    pub const fn described(self) -> &'static str {
        match self {
            Self::Sessions => "MCP sessions",
            Self::Streams => "MCP streams",
            Self::Requests => "requests in flight",
        }
    }

    /// Returns the word in a scenario and in messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Streams => "streams",
            Self::Requests => "requests",
        }
    }
}

impl Level {
    /// Returns the levels of a window. At its start, what is read once a second can be as old as the window before.
    pub fn of(readings: &Series<Reading>) -> Self {
        let trees = || readings.0.iter().filter_map(|reading| reading.target);
        Self {
            rss_bytes: median(trees().map(|tree| tree.rss_bytes)),
            pss_bytes: trees().filter_map(|tree| tree.pss_bytes).next_back(),
            descriptors: trees().filter_map(|tree| tree.descriptors.map(u64::from)).next_back(),
            threads: median(trees().map(|tree| tree.threads.into())),
            processes: median(trees().map(|tree| tree.processes.into())),
        }
    }
}

/// Returns the middle value, or the lower one of the two in the middle.
fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_rig::usage::TreeUsage;

    #[test]
    fn a_level_is_the_median_of_the_readings_or_the_last_one_that_has_a_value() {
        let reading = |rss_bytes, pss_bytes| {
            let tree = TreeUsage { rss_bytes, pss_bytes, threads: 3, processes: 1, ..TreeUsage::default() };
            Reading { target: Some(tree), ..Reading::default() }
        };
        let level = Level::of(&Series(vec![reading(30, Some(5)), reading(20, Some(7)), reading(10, None)]));
        assert_eq!(
            level,
            Level { rss_bytes: Some(20), pss_bytes: Some(7), descriptors: None, threads: Some(3), processes: Some(1) }
        );
        assert_eq!(Level::of(&Series(vec![Reading::default()])), Level::default());
    }
}
