//! Defines the evidence that distinguishes a change from chance. The best available evidence decides, and the output
//! names it.

use serde::{Deserialize, Serialize};

/// The kinds of evidence, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Base and head ran interleaved on one host, in one run.
    Paired,
    /// Rounds of this run against rounds of a stored one, and at least seven earlier runs: both must agree.
    RoundsAndHistory,
    /// At least seven earlier runs.
    History,
    /// Rounds of two stored runs.
    Rounds,
    /// Two stored numbers without rounds.
    Numbers,
}

/// The values of one metric that a finding is based on, all in the unit of the metric.
#[derive(Debug, Clone, PartialEq)]
pub enum Grounds {
    /// Values per round or launch of both builds, paired by their order.
    Paired {
        base: Vec<f64>,
        /// Those of the head, as many.
        head: Vec<f64>,
    },
    /// This run against stored ones.
    Stored {
        /// Values per round or launch of the newest stored run; empty if only its point is known.
        base: Vec<f64>,
        /// The points of the stored runs, oldest first; at least one.
        history: Vec<f64>,
        /// Values per round or launch of this run; only its point if it has no rounds.
        head: Vec<f64>,
    },
}

impl Evidence {
    /// Returns the name in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Paired => "paired A/B on one host",
            Self::RoundsAndHistory => "rounds and history",
            Self::History => "history",
            Self::Rounds => "rounds of two stored runs",
            Self::Numbers => "two stored numbers",
        }
    }
}
