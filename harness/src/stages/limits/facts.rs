//! The cost-of-limits curve: what the target must still do inside its limits, and what it did in each of them.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;
use crate::measure::reason::{Failure, Reason};
use harness_base::units::{Nanos, Rate};

/// How the curve was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// What is demanded of the target in each set of limits.
    pub objective: Objective,
}

impl OwnFacts for Stage {}

/// What became of one set of limits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Why it went no further, which is a result here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gave_up: Option<GaveUp>,
}

impl OwnFacts for Instance {}

/// What a target must do to be served well enough by its limits. An end by the out-of-memory killer never meets it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Fewest valid requests per second; no demand where absent.
    pub rps: Option<f64>,
    /// Largest service time at quantile 0.99 in a closed loop, response time in an open one, in nanoseconds; no demand where
    /// absent.
    pub p99_ns: Option<u64>,
}

/// Why an instance of stage `limits` went no further. There that is a result, not a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GaveUp {
    pub why: Why,
    /// It was the target's doing: it died, did not come up, or answered wrongly. Otherwise nothing is known of it.
    pub by_target: bool,
}

/// What an instance of stage `limits` gave up for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The target failed.
    Failed(Failure),
    /// Its numbers would not mean what they say.
    Invalid(Vec<Reason>),
}

impl std::fmt::Display for GaveUp {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.why {
            Why::Failed(failure) => failure.fmt(out),
            Why::Invalid(reasons) => {
                let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                out.write_str(&reasons.join("; "))
            }
        }
    }
}

impl std::fmt::Display for Objective {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rps = self.rps.map(|rps| format!("at least {}", Rate(rps)));
        let p99 = self.p99_ns.map(|ns| format!("p99 at most {}", Nanos(ns)));
        let parts: Vec<String> = rps.into_iter().chain(p99).collect();
        if parts.is_empty() { write!(out, "no death by its memory limit") } else { write!(out, "{}", parts.join(", ")) }
    }
}
