//! Defines the cost-of-limits curve: the objective, and the results for each set of limits.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;
use crate::measure::reason::{Failure, Reason};
use harness_base::units::{Nanos, Rate};

/// Settings of the curve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The objective for each set of limits.
    pub objective: Objective,
}

impl OwnFacts for Stage {}

/// Facts of one set of limits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Why it stopped, which is a result in this stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gave_up: Option<GaveUp>,
}

impl OwnFacts for Instance {}

/// Performance that a target must reach within its limits. A target that the out-of-memory killer ends never meets it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Smallest number of valid requests per second; unlimited if absent.
    pub rps: Option<f64>,
    /// Largest service time at quantile 0.99 in a closed loop, response time in an open one, in nanoseconds; unlimited
    /// if absent.
    pub p99_ns: Option<u64>,
}

/// Why an instance of stage `limits` stopped early, which is a result, not a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GaveUp {
    pub why: Why,
    /// Whether the target caused it: it exited, did not become ready, or answered wrongly. Otherwise its result is
    /// unknown.
    pub by_target: bool,
}

/// The reason of a [`GaveUp`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The target failed.
    Failed(Failure),
    /// Its numbers would not be valid.
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
