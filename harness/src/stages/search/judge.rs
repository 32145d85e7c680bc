//! Judges a search: the answer, what limits it, and the curve of the probes.

use serde::{Deserialize, Serialize};

use super::derive::{self, Ends, Probed, Verdict};
use super::facts::{Objective, Part, Purpose, Variable};
use crate::measure::Arm;
use crate::measure::audit::Check;
use crate::measure::latency::LatencyHistogram;
use crate::measure::metric::{Absent, Metric};
use crate::measure::record::StageRecord;
use crate::verdict::bottleneck::{self, Bottleneck, Bound};
use crate::verdict::judgement::finding::Finding;
use crate::verdict::judging::Judging;
use harness_base::units::{Nanos, Ratio};
use harness_stats::{Estimate, Interval};

/// Only the head is searched, and what the target does at a rate is a result.
pub(crate) const JUDGING: Judging = Judging {
    noun: "slice",
    head_alone: true,
    has_bottleneck: false,
    errors_are_results: true,
    advisory: |_, stage| unconfirmed(stage),
    ..Judging::ROUNDS
};

/// The answer of a search and its curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Judged {
    pub stage: String,
    #[serde(default)]
    pub variable: Variable,
    pub objective: Objective,
    /// The highest rate (or number of users) that keeps the objective, in requests per second, less what a window does not show; absent if
    /// none keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The lowest rate that does not keep it, or that is limited; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Whether fresh instances kept the objective at the lower end again.
    pub confirmed: bool,
    /// Why no rate above the lower end was measured as the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limiter>,
    /// The rate of the closed loop through the target, in requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<f64>,
    /// The same without the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<f64>,
    /// The bottleneck of the closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottleneck: Option<Bottleneck>,
    /// Every rate that was tried, lowest first.
    pub points: Vec<Point>,
}

/// What limits the rate instead of the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Limiter {
    /// A rule of the audit about generator, upstream or host.
    Audit(Check),
    /// The direct arm does not keep the objective at this rate.
    DirectArm,
    /// Something that the bottleneck rules found: the generator, the CPUs that all share, or the hypervisor.
    Bottleneck(Bottleneck),
    /// The highest rate that is tried.
    Bounds,
}

/// A rate that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SearchPoint"))]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// In requests per second, or the number of users.
    pub rate: f64,
    pub purpose: Purpose,
    pub state: PointState,
    /// The part of the objective that the rate does not keep, or that is closest to its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// How the target failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    pub instances: u64,
    /// Requests that were due.
    pub requests: u64,
    /// Those that were not answered as expected.
    pub failed: u64,
    /// Response time in milliseconds at quantile 0.5; absent without a valid answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// The same at quantile 0.99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// The same without the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_p99_ms: Option<f64>,
    /// The share of requests beyond the limit of the strictest quantile of the objective, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond_percent: Option<Estimate>,
    /// CPU use of the target in percent of one core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
}

/// Whether a rate keeps the objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SearchPointState"))]
#[serde(rename_all = "snake_case")]
pub enum PointState {
    Kept,
    Failed,
    Undecided,
    /// Generator, upstream or host do not carry the rate.
    Limited,
}

impl PointState {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Failed => "not kept",
            Self::Undecided => "undecided",
            Self::Limited => "limited",
        }
    }
}

/// Judges a search as far as it ran; `None` for a stage of another kind.
pub(crate) fn judge(stage: &StageRecord) -> Option<Judged> {
    let settings = derive::settings(stage)?;
    let Ends { low, high, confirmed } = derive::ends(stage);
    let probes = derive::probes(stage);
    let mut points: Vec<Point> = probes.iter().map(point).collect();
    points.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    Some(Judged {
        stage: stage.name.clone(),
        variable: settings.variable,
        objective: settings.objective,
        low,
        high,
        confirmed,
        limit: limit(stage, &probes, low, high),
        closed: derive::closed_rate(stage, Arm::Proxied),
        direct: derive::closed_rate(stage, Arm::Direct),
        bottleneck: bottleneck::of_rounds(stage, derive::closed(stage).flat_map(|instance| instance.valid_rounds())),
        points,
    })
}

/// Returns what limits the rate at the upper end instead of the target.
fn limit(stage: &StageRecord, probes: &[Probed<'_>], low: Option<f64>, high: Option<f64>) -> Option<Limiter> {
    let Some(high) = high else {
        let ceiling = derive::ceiling(stage)?;
        let reached =
            |probed: &Probed<'_>| probed.verdict == Verdict::Kept && probed.probe.rate >= ceiling * (1.0 - 1e-9);
        return low.filter(|_| probes.iter().any(reached)).map(|_| Limiter::Bounds);
    };
    let at_end = || probes.iter().filter(|probed| (probed.probe.rate / high - 1.0).abs() < 1e-9);
    if let Some(check) = at_end().find_map(Probed::limited) {
        return Some(Limiter::Audit(check.clone()));
    }
    if at_end().any(|probed| probed.verdict == Verdict::Limited) {
        return Some(Limiter::DirectArm);
    }
    let found = bottleneck::of_rounds(stage, at_end().flat_map(Probed::rounds))?;
    matches!(found.by, Bound::Generator | Bound::SharedCpus | Bound::HostSteal).then_some(Limiter::Bottleneck(found))
}

fn point(probed: &Probed<'_>) -> Point {
    let part = match probed.verdict {
        Verdict::Limited => None,
        verdict => worst(probed, verdict),
    };
    let beyond = probed.found.iter().rfind(|found| found.part.may_be_beyond().is_some());
    let (mut requests, mut failed) = (0, 0);
    for trial in probed.trials(Arm::Proxied) {
        requests += trial.load.scheduled;
        failed += trial.load.outcomes.total() - trial.load.outcomes.ok;
    }
    let [through, direct] = [Arm::Proxied, Arm::Direct].map(|arm| {
        let mut all = LatencyHistogram::default();
        probed.trials(arm).for_each(|trial| all.merge(&trial.load.latencies.response));
        all
    });
    let ms = |times: &LatencyHistogram, q: f64| times.quantile(q).map(Nanos::as_millis_f64);
    Point {
        rate: probed.probe.rate,
        purpose: probed.probe.purpose,
        state: state(probed.verdict),
        part,
        message: probed.gave_up().map(ToString::to_string),
        instances: probed.instances.len() as u64,
        requests,
        failed,
        p50_ms: ms(&through, 0.5),
        p99_ms: ms(&through, 0.99),
        direct_p99_ms: ms(&direct, 0.99),
        beyond_percent: beyond.and_then(|found| found.value).map(|value| value.scaled(100.0)),
        cpu_percent: cpu(probed),
    }
}

const fn state(verdict: Verdict) -> PointState {
    match verdict {
        Verdict::Kept => PointState::Kept,
        Verdict::Failed => PointState::Failed,
        Verdict::Undecided => PointState::Undecided,
        Verdict::Limited => PointState::Limited,
    }
}

/// Returns the part of the objective that decided, or that is closest to its limit.
fn worst(probed: &Probed<'_>, verdict: Verdict) -> Option<Part> {
    let of = probed.found.iter().filter(|found| found.verdict == verdict && found.excess.is_finite());
    of.max_by(|one, other| one.excess.total_cmp(&other.excess)).map(|found| found.part)
}

/// Returns the mean CPU use over the slices, in percent of one core; `None` if one was not read.
fn cpu(probed: &Probed<'_>) -> Option<f64> {
    let of = |trial: &crate::measure::trial::TrialRecord| {
        Some(trial.readings.target_cpu_ns()? as f64 / trial.readings.span_ns()? as f64 * 100.0)
    };
    let shares: Option<Vec<f64>> = probed.trials(Arm::Proxied).map(of).collect();
    let shares = shares.filter(|shares| !shares.is_empty())?;
    Some(shares.iter().sum::<f64>() / shares.len() as f64)
}

/// Returns why the answer must not gate: the lower end was kept once only.
fn unconfirmed(stage: &StageRecord) -> Option<String> {
    let found = derive::ends(stage);
    (found.low.is_some() && !found.confirmed).then(|| "the lower end was not confirmed on fresh instances".to_owned())
}

impl Judged {
    /// Returns no finding: a low rate is a result, and claims and comparisons decide on it.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        Vec::new()
    }

    /// Returns the answer: the middle of the interval, on a logarithmic scale.
    pub(crate) fn trend(&self, metric: &Metric) -> Result<Estimate, Absent> {
        if metric.id != self.variable.metric() {
            return Err(Absent(format!("the search is of the {}", self.variable.one())));
        }
        match (&self.limit, self.low, self.high) {
            (None, Some(low), Some(high)) => {
                let interval = Some(Interval { low, high, coverage: 0.95 });
                let n =
                    self.points.iter().filter(|point| point.purpose != Purpose::Bracket).map(|point| point.instances);
                Ok(Estimate { point: (low * high).sqrt(), interval, n: n.sum::<u64>().max(1) })
            }
            _ => Err(Absent(self.conclusion())),
        }
    }

    /// Returns the answer in one sentence.
    pub fn conclusion(&self) -> String {
        let (rate, one) = (|value: f64| self.variable.show(value), self.variable.one());
        match (&self.limit, self.low, self.high) {
            (Some(limit), Some(low), _) => format!("at least {}: {limit}", rate(low)),
            (Some(limit), None, _) => format!("no {one} was measured that keeps the objective: {limit}"),
            (None, Some(low), Some(high)) => {
                let half = Ratio((high - low) / (high + low));
                format!("between {} and {} (± {half})", rate(low), rate(high))
            }
            (None, Some(low), None) => {
                format!("at least {}; no higher {one} was decided, permit more probes or a larger budget", rate(low))
            }
            (None, None, Some(high)) => {
                format!("no {one} keeps the objective; {} is the lowest that was shown not to", rate(high))
            }
            (None, None, None) => {
                format!("no {one} was decided; permit more probes or a larger budget, or narrower bounds")
            }
        }
    }
}

impl std::fmt::Display for Limiter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Audit(check) => write!(out, "beyond it generator, upstream or host limit the rate: {check}"),
            Self::DirectArm => write!(out, "beyond it the direct arm does not keep the objective either"),
            Self::Bottleneck(bottleneck) => write!(out, "beyond it the rate is {bottleneck}"),
            Self::Bounds => write!(out, "it is the highest rate that was tried"),
        }
    }
}
