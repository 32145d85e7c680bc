//! One metric: what is known of it everywhere.

use serde::{Deserialize, Serialize};

use super::bencher::Measure;
use super::unit::{Better, Unit};
use crate::measure::kind::StageKind;
use crate::measure::record::StageRecord;
use crate::measure::trial::TrialRecord;

/// The values of a metric in a stage, or why there are none.
pub(crate) type Values = Result<Vec<f64>, Absent>;

/// How its values come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// Its value is how a quantity changes over the stage, which its kind judges; not the median of the values of [`Metric::of`].
    pub trend: bool,
}

impl Metric {
    /// Its id for one stage: placeholders filled, and `@stage` behind it where the stage is not named after its kind.
    pub fn id_for(&self, stage: &StageRecord) -> String {
        let vus = match stage.offered {
            Some(harness_load::pace::Pace::Closed { vus }) => vus.to_string(),
            _ => "0".to_owned(),
        };
        let id = self.id.replace("{vus}", &vus);
        if stage.name == stage.kind().name() { id } else { format!("{id}@{}", stage.name) }
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

/// A row of the common kind: sampled, lower is better, no claim in REQ-OBS-001.
pub(crate) const fn row(
    id: &'static str,
    unit: Unit,
    stage: StageKind,
    bencher: &'static Measure,
    about: &'static str,
    of: fn(&StageRecord) -> Values,
) -> Metric {
    Metric {
        id,
        req: None,
        unit,
        better: Better::Lower,
        kind: Kind::Sampled,
        stage,
        bencher,
        target: None,
        about,
        requests: 0,
        of,
        by_arm: None,
        trend: false,
    }
}

impl Metric {
    pub(crate) const fn req(mut self, req: &'static str, target: f64) -> Self {
        self.req = Some(req);
        self.target = Some(Limit { value: target });
        self
    }

    pub(crate) const fn higher(mut self) -> Self {
        self.better = Better::Higher;
        self
    }

    pub(crate) const fn exact(mut self) -> Self {
        self.kind = Kind::Exact;
        self
    }

    /// A far quantile: it scatters by some 6 % at 1,000 requests a round and by 2 % at 10,000.
    pub(crate) const fn tail(mut self) -> Self {
        self.requests = 10_000;
        self
    }

    /// Not the median of its values, but how they change.
    pub(crate) const fn trend(mut self) -> Self {
        self.trend = true;
        self
    }

    pub(crate) const fn by_arm(mut self, of: fn(&TrialRecord) -> Option<f64>) -> Self {
        self.by_arm = Some(of);
        self
    }
}
