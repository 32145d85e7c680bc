//! Defines what agents do, as a scenario sets it.

use serde::{Deserialize, Serialize};

use harness_base::units::{Bytes, Nanos, Ratio};

/// The most calls of a burst, each of which needs a connection.
pub const MOST_PARALLEL: u64 = 64;
/// The largest text of a call, which is in memory once.
pub const LARGEST_TEXT: Bytes = Bytes(4 << 20);

/// A revision of the protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Revision {
    #[serde(rename = "2025-03-26")]
    March2025,
    #[serde(rename = "2025-06-18")]
    June2025,
    #[default]
    #[serde(rename = "2025-11-25")]
    November2025,
    #[serde(rename = "2026-07-28")]
    July2026,
}

impl Revision {
    pub const ALL: [Self; 4] = [Self::March2025, Self::June2025, Self::November2025, Self::July2026];

    /// Returns its name in the protocol and in scenarios.
    pub const fn word(self) -> &'static str {
        match self {
            Self::March2025 => "2025-03-26",
            Self::June2025 => "2025-06-18",
            Self::November2025 => "2025-11-25",
            Self::July2026 => "2026-07-28",
        }
    }

    /// Returns whether sessions begin with `initialize`; otherwise every request describes itself.
    pub const fn has_sessions(self) -> bool {
        !matches!(self, Self::July2026)
    }

    /// Returns whether several messages can be sent as one batch.
    pub const fn has_batches(self) -> bool {
        matches!(self, Self::March2025)
    }

    /// Returns whether requests after the first name the revision in a header field.
    pub(super) const fn is_named_in_header(self) -> bool {
        !matches!(self, Self::March2025)
    }
}

/// The size of the text of a call: lognormal, so that the median and the spread of its logarithm describe it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TextSize {
    pub median: Bytes,
    /// Standard deviation of the natural logarithm; 0 for texts of one size.
    pub sigma: f64,
    /// No text is longer.
    pub largest: Bytes,
}

/// What every agent does. Each value that is drawn depends only on the seed of the job and the number of the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    pub revision: Revision,
    /// How many tools every list must have; any number from 1 where absent.
    pub tools: Option<u64>,
    /// The only tool that is called; any tool of the list where absent.
    pub tool: Option<String>,
    /// The name of the argument that is a text.
    pub argument: String,
    pub text: TextSize,
    /// Calls of a session; without sessions, calls between two lists.
    pub calls: u64,
    /// The fewest and the most calls of a burst, drawn evenly.
    pub burst: (u64, u64),
    /// The shortest and the longest pause of an agent between two bursts of a closed loop, drawn evenly.
    pub think: (Nanos, Nanos),
    /// The share of sessions that the agent leaves without DELETE.
    pub abandoned: Ratio,
    /// Whether the server must give each session an identifier.
    pub session_id: bool,
    /// Whether an agent without sessions asks the server what it can do before it lists its tools.
    pub discover: bool,
    /// Whether calls ask for notifications of progress.
    pub progress: bool,
    /// The share of sessions, or of lists without sessions, during which the agent holds a stream open on which the server can send.
    pub listen: Ratio,
    /// The share of bursts that are sent as one batch, in a revision that has batches.
    pub batches: Ratio,
}

#[cfg(test)]
impl Workload {
    /// Creates agents for tests, with single calls and nothing optional.
    pub(super) fn plain(revision: Revision) -> Self {
        Self {
            revision,
            tools: None,
            tool: None,
            argument: "text".to_owned(),
            text: TextSize { median: Bytes(10), sigma: 0.0, largest: Bytes(10) },
            calls: 4,
            burst: (1, 1),
            think: (Nanos::ZERO, Nanos::ZERO),
            abandoned: Ratio(0.0),
            session_id: true,
            discover: true,
            progress: true,
            listen: Ratio(0.0),
            batches: Ratio(0.0),
        }
    }
}

impl Workload {
    /// Returns how many requests of an agent can be under way at the same time.
    pub const fn lanes(&self) -> u64 {
        self.burst.1
    }

    /// Describes it for people: `agents that speak MCP 2025-11-25, 20 calls per session in bursts of 1 to 8, …`.
    pub fn describe(&self) -> String {
        let Self { revision, calls, burst: (fewest, most), text, abandoned, listen, batches, .. } = self;
        let per = if revision.has_sessions() { "session" } else { "list" };
        let bursts = if fewest == most { most.to_string() } else { format!("{fewest} to {most}") };
        let size = if text.sigma == 0.0 {
            format!("texts of {}", text.median.notation())
        } else {
            format!("texts of {} (median) to {}", text.median.notation(), text.largest.notation())
        };
        let left = if revision.has_sessions() {
            format!(", {} of sessions abandoned", abandoned.notation())
        } else {
            String::new()
        };
        let some = |share: &Ratio, what: &str| {
            if share.0 > 0.0 { format!(", {} {what}", share.notation()) } else { String::new() }
        };
        let (batched, listening) =
            (some(batches, "of bursts as a batch"), some(listen, "of agents with an open stream"));
        format!(
            "agents that speak MCP {}, {calls} calls per {per} in bursts of {bursts}{batched}, {size}{left}{listening}",
            revision.word()
        )
    }
}
