//! Defines a search: the objective, and the probes that were made.

use serde::{Deserialize, Serialize};

use crate::measure::audit::Check;
use crate::measure::metric::unit::Unit;
use crate::measure::own::OwnFacts;
use crate::measure::reason::Failure;
use harness_base::units::{Nanos, Ratio, grouped};

/// Settings of a search.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    #[serde(default)]
    pub variable: Variable,
    /// What it must keep.
    pub objective: Objective,
    /// The lowest rate that is tried, in requests per second, or the lowest number of users.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub low: f64,
    /// The highest one; where absent, the rate that the direct arm carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Half the length of the answer ÷ its middle at which the search ends.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub precision: f64,
    /// Largest number of probes.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub probes: u64,
    /// Smallest share of the offered requests that must be answered, as in the audit.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub achieved: f64,
}

impl OwnFacts for Stage {}

/// The quantity whose highest value is searched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SearchVariable"))]
#[serde(rename_all = "snake_case")]
pub enum Variable {
    /// The arrival rate of an open loop, in requests per second.
    #[default]
    Rate,
    /// The number of users of a closed loop, each of which sends again as soon as it is answered.
    Users,
}

impl Variable {
    pub const ALL: [Self; 2] = [Self::Rate, Self::Users];

    /// Returns the word of the scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Users => "users",
        }
    }

    /// Returns the metric of the answer.
    pub const fn metric(self) -> &'static str {
        match self {
            Self::Rate => "search/rate",
            Self::Users => "search/users",
        }
    }

    /// Returns one value in words, for the middle of a sentence.
    pub const fn one(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Users => "number of users",
        }
    }

    /// Formats a value with its unit.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Rate => Unit::PerSecond.show(value),
            Self::Users => format!("{} users", grouped(value.round())),
        }
    }
}

/// Facts of one instance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Its probe.
    pub probe: Probe,
    /// The rule by which generator, upstream or host limit the rate, so that it shows nothing about the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited: Option<Check>,
    /// How the target failed under this load, which is a result: it does not keep the objective.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gave_up: Option<Failure>,
}

impl OwnFacts for Instance {}

/// A rate that is tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// From 0, which is the first closed loop, in order.
    pub number: u32,
    pub purpose: Purpose,
    /// In requests per second, or the number of users; 0 for the first closed loop, whose rate is a result.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub rate: f64,
}

/// Why a rate is tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A closed loop on both arms, which shows where the search can begin and what the direct arm carries.
    #[default]
    Closed,
    /// One instance, to find the neighbourhood of the answer; it is never an end of the answer.
    Bracket,
    /// Enough instances for an interval.
    Refine,
    /// The same at the lower end of the answer again, on fresh instances.
    Confirm,
}

/// What a rate must keep. At least one part is present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SearchObjective"))]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Largest response time at quantile 0.5, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ns: Option<u64>,
    /// The same at quantile 0.95.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<u64>,
    /// The same at quantile 0.99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Largest share of requests that fail, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors_ratio: Option<f64>,
    /// Largest CPU use of the target in percent of one core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
}

/// A limit of the response time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    pub part: Part,
    pub limit: Nanos,
}

/// A part of the objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    P50,
    P95,
    P99,
    Errors,
    Cpu,
    /// The offered requests are answered: part of every objective.
    Achieved,
}

impl Part {
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Errors => "errors",
            Self::Cpu => "cpu",
            Self::Achieved => "achieved rate",
        }
    }

    /// Returns the share of requests that may take longer than a limit of the response time; `None` for another part.
    pub const fn may_be_beyond(self) -> Option<f64> {
        match self {
            Self::P50 => Some(0.5),
            Self::P95 => Some(0.05),
            Self::P99 => Some(0.01),
            Self::Errors | Self::Cpu | Self::Achieved => None,
        }
    }
}

impl Objective {
    /// Returns the limits of the response time.
    pub fn latencies(&self) -> impl Iterator<Item = Latency> {
        let of = |part, ns: Option<u64>| ns.map(|ns| Latency { part, limit: Nanos(ns) });
        [of(Part::P50, self.p50_ns), of(Part::P95, self.p95_ns), of(Part::P99, self.p99_ns)].into_iter().flatten()
    }

    /// Returns the longest limit of the response time.
    pub fn longest(&self) -> Option<Nanos> {
        self.latencies().map(|latency| latency.limit).max()
    }
}

impl std::fmt::Display for Objective {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let latencies = self.latencies().map(|latency| format!("{} ≤ {}", latency.part.name(), latency.limit));
        let errors = self.errors_ratio.map(|ratio| format!("errors ≤ {}", Ratio(ratio).notation()));
        let cpu = self.cpu_percent.map(|percent| format!("cpu ≤ {}", Ratio(percent / 100.0).notation()));
        out.write_str(&latencies.chain(errors).chain(cpu).collect::<Vec<_>>().join(", "))
    }
}
