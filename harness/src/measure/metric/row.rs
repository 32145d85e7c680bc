//! Defines the row of a metric.

use serde::{Deserialize, Serialize};

use super::bencher::Measure;
use super::source::Source;
use super::unit::{Better, Unit};
use crate::measure::kind::StageKind;
use crate::measure::record::StageRecord;
use crate::measure::trial::TrialRecord;
use harness_load::latency::LatencyHistogram;

/// The values of a metric in a stage, or why there are none.
pub(crate) type Values = Result<Vec<f64>, Absent>;

/// How values are obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One value per round or launch; judged with an interval.
    Sampled,
    /// One value that does not vary.
    Exact,
}

/// A quantile of the requests of several rounds together, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Pooled {
    /// From 0 to 1.
    pub q: f64,
    pub histogram: fn(&TrialRecord) -> &LatencyHistogram,
    /// Whether the quantile of the direct arm is subtracted.
    pub less_direct: bool,
}

/// A claim about a metric: `< limit` if lower is better, `> limit` if higher is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    pub value: f64,
}

/// The reason why a metric has no value. A missing value is never 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent(pub String);

#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// `category/name`; `{vus}` stands for the number of virtual users.
    pub id: &'static str,
    /// Identifier in REQ-OBS-001 section 5, if it is listed there.
    pub req: Option<&'static str>,
    pub unit: Unit,
    pub better: Better,
    /// How the values are obtained.
    pub kind: Kind,
    /// The kind of stage that it is taken from.
    pub stage: StageKind,
    /// Who finds its values; present if several kinds of stages have a metric with this id.
    pub source: Option<Source>,
    /// Its measure in Bencher.
    pub bencher: &'static Measure,
    /// The claim of REQ-OBS-001, if there is one.
    pub target: Option<Limit>,
    /// Its meaning, for `docs/metrics.md`.
    pub about: &'static str,
    /// The meaning of all metrics that differ only in their quantile, in one sentence, for OpenMetrics.
    pub help: &'static str,
    /// Smallest number of requests of a stage for the value to gate; with fewer, it is advisory. 0 if that does not
    /// matter.
    pub requests: u64,
    /// Its value is a quantile of all requests instead of the median of the values of [`Metric::of`].
    pub pooled: Option<Pooled>,
    /// Its value is this quantile (0 to 1) of the values of [`Metric::of`] instead of their median. Another metric has their median and is
    /// compared with a base.
    pub quantile: Option<f64>,
    /// Whether it is the benchmark of its stage, which formats of other tools then name after the stage.
    pub benchmark: bool,
    /// Takes the values per valid round (or launch), in order.
    pub of: fn(&StageRecord) -> Result<Vec<f64>, Absent>,
    /// Takes the value of one arm, in the unit of the metric, for metrics that are shown for both arms.
    pub by_arm: Option<fn(&TrialRecord) -> Option<f64>>,
    /// Whether it is one of the few main values of its stage.
    pub key: bool,
    /// Its value is the trend of a quantity over the stage, which the kind of stage judges, instead of the median of
    /// the values of [`Metric::of`].
    pub trend: bool,
}

impl Metric {
    /// Returns the id for one stage, with placeholders filled in, and with `@stage` appended if the stage is not named
    /// after its kind.
    pub fn id_for(&self, stage: &StageRecord) -> String {
        let vus = match stage.offered {
            Some(harness_load::pace::Pace::Closed { vus }) => vus.to_string(),
            _ => "0".to_owned(),
        };
        let id = self.id.replace("{vus}", &vus);
        if stage.name == stage.kind().name() { id } else { format!("{id}@{}", stage.name) }
    }

    /// Returns the part before the slash: `latency`, `memory` …
    pub fn category(&self) -> &'static str {
        category(self.id)
    }
}

/// Returns an id without its `@stage`.
pub fn bare(id: &str) -> &str {
    id.split_once('@').map_or(id, |(bare, _)| bare)
}

/// Returns the part of an id before the slash.
pub fn category(id: &str) -> &str {
    id.split_once('/').map_or(id, |(category, _)| category)
}

/// Creates a row with common settings: sampled, lower is better, no claim in REQ-OBS-001.
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
        source: None,
        bencher,
        target: None,
        about,
        help: about,
        requests: 0,
        pooled: None,
        quantile: None,
        benchmark: false,
        of,
        by_arm: None,
        key: false,
        trend: false,
    }
}

impl Metric {
    pub(crate) const fn req(mut self, req: &'static str, target: f64) -> Self {
        self.req = Some(req);
        self.target = Some(Limit { value: target });
        self
    }

    /// Names who finds the values, for an id that several kinds of stages have.
    pub(crate) const fn source(mut self, source: Source) -> Self {
        self.source = Some(source);
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

    /// Replaces [`Metric::help`], which is the whole meaning by default.
    pub(crate) const fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }

    /// Marks a far quantile, which scatters by about 6 % with 1,000 requests and by 2 % with 10,000.
    pub(crate) const fn tail(mut self) -> Self {
        self.requests = 10_000;
        self
    }

    /// Marks a quantile of all requests through the target.
    pub(crate) const fn pooled(mut self, q: f64, histogram: fn(&TrialRecord) -> &LatencyHistogram) -> Self {
        self.pooled = Some(Pooled { q, histogram, less_direct: false });
        self
    }

    /// Marks a quantile of all requests through the target, less that of the direct arm.
    pub(crate) const fn pooled_difference(mut self, q: f64, histogram: fn(&TrialRecord) -> &LatencyHistogram) -> Self {
        self.pooled = Some(Pooled { q, histogram, less_direct: true });
        self
    }

    /// Marks a quantile of the values.
    pub(crate) const fn quantile(mut self, q: f64) -> Self {
        self.quantile = Some(q);
        self
    }

    /// Marks the benchmark of a stage.
    pub(crate) const fn benchmark(mut self) -> Self {
        self.benchmark = true;
        self
    }

    /// Marks one of the main values of a stage.
    pub(crate) const fn key(mut self) -> Self {
        self.key = true;
        self
    }

    /// Marks a metric whose value is the trend of its values instead of their median.
    pub(crate) const fn trend(mut self) -> Self {
        self.trend = true;
        self
    }

    pub(crate) const fn by_arm(mut self, of: fn(&TrialRecord) -> Option<f64>) -> Self {
        self.by_arm = Some(of);
        self
    }
}
