//! Defines what a target did wrong under load.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::measure::{Ending, Outcomes};
use harness_base::units::{Nanos, Rate, Ratio, grouped};

/// The errors of a target over a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TargetErrors {
    /// Requests that were sent in all rounds, with their warm-ups.
    pub requests: u64,
    /// The errors by outcome. From warm-ups and rejected rounds, only wrong statuses and bodies count, because the host or the
    /// generator can have caused the others.
    pub errors: Outcomes,
    /// Largest permitted share, from 0 to 1.
    pub limit: f64,
    /// The time from the first window of the stage to the first error in a window, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ns: Option<u64>,
    /// Example of a wrong answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

/// The runs of a command that ended otherwise than expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FailedRuns {
    /// Runs with another exit code, by a signal, or beyond the time limit.
    pub failed: u64,
    /// All runs that count.
    pub of: u64,
    /// Largest permitted share, from 0 to 1.
    pub limit: f64,
    /// How the first of them ended; absent if it was stopped at the time limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
}

/// The part of an offered rate that a target answered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MissedRate {
    /// Smallest share of a round, from 0 to 1.
    pub share: f64,
    #[serde(rename = "rate_per_second")]
    pub rate: Rate,
    /// Rounds in which the rate was missed.
    pub rounds: u64,
    /// Valid rounds.
    pub of: u64,
}

impl fmt::Display for FailedRuns {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, of) = (grouped(self.failed as f64), grouped(self.of as f64));
        write!(out, "{failed} of {of} runs failed, limit {}; the first ", Ratio(self.limit))?;
        match &self.ending {
            Some(ending) => ending.fmt(out),
            None => out.write_str("was stopped at its time limit"),
        }
    }
}

impl TargetErrors {
    /// Adds up the outcomes of launches, each with an example of a wrong answer; `None` if no request failed.
    pub(crate) fn of_launches<'l>(
        launches: impl Iterator<Item = (&'l Outcomes, Option<&'l String>)>,
        limit: f64,
    ) -> Option<Self> {
        let (mut errors, mut example) = (Outcomes::default(), None);
        for (outcomes, of_launch) in launches {
            errors.merge(outcomes);
            example = example.or(of_launch);
        }
        let requests = errors.total();
        (errors.errors() > 0).then(|| Self { requests, errors, limit, first_ns: None, example: example.cloned() })
    }
}

impl fmt::Display for TargetErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (errors, requests) = (grouped(self.errors.errors() as f64), grouped(self.requests as f64));
        write!(
            out,
            "{errors} of {requests} requests failed ({}), limit {}",
            self.errors.describe(),
            Ratio(self.limit)
        )?;
        if let Some(first) = self.first_ns {
            write!(out, "; the first {:.2} s after the first window began", Nanos(first).as_secs_f64())?;
        }
        self.example.as_ref().map_or(Ok(()), |example| write!(out, "; for example: {example}"))
    }
}

impl fmt::Display for MissedRate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { share, rate, rounds, of } = self;
        write!(
            out,
            "the target answered {} of the offered {rate} within the window in {rounds} of {of} rounds, or less; late \
             answers are in the latencies, requests that were never sent are not; lower `rate`, or measure the largest rate with [stage.capacity]",
            Ratio(*share)
        )
    }
}
