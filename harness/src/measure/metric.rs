//! The table of metrics. One row is one metric, everywhere: reports, targets, thresholds, Bencher and `docs/metrics.md`
//! iterate it, and nothing else knows a metric's unit or direction.

pub mod bencher;
mod constrained;
mod facts;
mod imported;
mod rows;
mod shown;
mod soak;

use serde::{Deserialize, Serialize};

use super::record::{StageKind, StageRecord};
use super::soak::Quantity;
use super::trial::TrialRecord;

pub use bencher::{MEASURES, Measure};
pub use facts::{FACTS, Fact, FactKind, FactValue};
pub use rows::METRICS;

/// The unit a metric's values are in. In JSON it is written as its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(rename = "count")]
    Count,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    Lower,
    Higher,
}

/// How its values come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One value per round or launch; judged with an interval.
    Sampled,
    /// One value that does not vary.
    Exact,
}

/// A claim to hold a metric against: `< limit` for lower is better, `> limit` for higher.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    pub value: f64,
}

/// Why a metric has no value. Never a zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent(pub String);

#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// `category/name`; `{vus}` stands for the number of virtual users.
    pub id: &'static str,
    /// Identifier in REQ-OBS-001 section 5, where it stands there.
    pub req: Option<&'static str>,
    pub unit: Unit,
    pub better: Better,
    /// How the values come about.
    pub kind: Kind,
    /// The kind of stage it is taken from.
    pub stage: StageKind,
    /// Where it goes in Bencher.
    pub bencher: &'static Measure,
    /// The claim of REQ-OBS-001, where it makes one.
    pub target: Option<Limit>,
    /// What the number means, for `docs/metrics.md`.
    pub about: &'static str,
    /// Fewest requests a round must have for the value to gate; with fewer it is advisory. 0 where that does not matter.
    pub requests: u64,
    /// Values per valid round (or launch), in order.
    pub of: fn(&StageRecord) -> Result<Vec<f64>, Absent>,
    /// The quantity on one arm by itself, in the metric's unit, for metrics that readers want to see on both.
    pub by_arm: Option<fn(&TrialRecord) -> Option<f64>>,
    /// Its value is how this quantity changes over the stage, not the median of the values of [`Metric::of`].
    pub trend: Option<Quantity>,
}

impl Unit {
    pub const ALL: [Self; 6] = [Self::Bytes, Self::Millis, Self::Micros, Self::Percent, Self::PerSecond, Self::Count];

    /// The unit with that label.
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.label() == label)
    }

    /// How it is written in the flat array of REQ-OBS-001 8.1 and in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Millis => "ms",
            Self::Micros => "µs",
            Self::Percent => "%",
            Self::PerSecond => "req/s",
            Self::Count => "count",
        }
    }
}

impl Metric {
    /// Its id for one stage: placeholders filled, and `@stage` behind it where the stage is not named after its kind.
    pub fn id_for(&self, stage: &StageRecord) -> String {
        let vus = match stage.offered {
            Some(harness_load::facts::Offered::Closed { vus }) => vus.to_string(),
            _ => "0".to_owned(),
        };
        let id = self.id.replace("{vus}", &vus);
        if stage.name == stage.kind.name() { id } else { format!("{id}@{}", stage.name) }
    }

    /// The part before the slash: `latency`, `memory` …
    pub fn category(&self) -> &'static str {
        category(self.id)
    }
}

/// An id without its `@stage`.
pub fn bare(id: &str) -> &str {
    id.split_once('@').map_or(id, |(bare, _)| bare)
}

/// The part of an id before the slash.
pub fn category(id: &str) -> &str {
    id.split_once('/').map_or(id, |(category, _)| category)
}

/// The row whose id, placeholders and `@stage` aside, is that of `id`.
pub fn find(id: &str) -> Option<&'static Metric> {
    let bare = bare(id);
    METRICS.iter().find(|metric| match metric.id.split_once("{vus}") {
        None => metric.id == bare,
        Some((before, after)) => bare
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|vus| !vus.is_empty() && vus.bytes().all(|byte| byte.is_ascii_digit())),
    })
}
