//! Judges the cost-of-limits curve: which sets of limits allow the target to meet the objective.

use serde::{Deserialize, Serialize};

use super::facts::{GaveUp, Objective};
use crate::measure::facts::{InstanceFacts, StageFacts};
use crate::measure::group::ResourceLimits;
use crate::measure::metric::values::{peak, response, rps, throttled_periods};
use crate::measure::metric::{Absent, Metric};
use crate::measure::record::{InstanceRecord, StageRecord, StageStatus};
use crate::verdict::bottleneck::{self, Bottleneck};
use crate::verdict::judgement::finding::Finding;
use crate::verdict::judging::{Judging, no_trend};
use harness_stats::{Estimate, Sample};

/// The base is not measured within the limits, and each set of limits has a separate bottleneck.
pub(crate) const JUDGING: Judging =
    Judging { head_alone: true, has_bottleneck: false, errors_are_results: true, ..Judging::ROUNDS };

/// The curve of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Judged {
    pub stage: String,
    pub objective: Objective,
    /// Every set of limits that was tried, smallest first.
    pub points: Vec<Point>,
    /// The smallest set of limits that meets the objective. CPUs count before memory.
    pub smallest: Option<ResourceLimits>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Point {
    pub limits: ResourceLimits,
    /// Whether the target meets the objective.
    pub state: PointState,
    /// Why not, if it does not or that is unknown.
    pub message: Option<String>,
    /// Valid requests per second.
    pub rps: Option<Estimate>,
    /// Quantile 0.5 in milliseconds.
    pub p50_ms: Option<Estimate>,
    /// Quantile 0.99 in milliseconds.
    pub p99_ms: Option<Estimate>,
    /// Share of the periods in which it was throttled, in percent.
    pub throttled_percent: Option<Estimate>,
    /// Largest memory charged, in bytes.
    pub peak_bytes: Option<Estimate>,
    /// The bottleneck of the rate in a closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottleneck: Option<Bottleneck>,
}

/// Whether an objective is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PointState {
    /// The whole intervals meet every objective.
    Met,
    /// A whole interval violates an objective, or the target exited or failed.
    NotMet,
    /// An interval contains a limit of the objective, or the measurement was not valid.
    Undecided,
}

impl PointState {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::Undecided => "undecided",
        }
    }
}

/// Judges the curve of a stage as far as it was measured; `None` for a stage of another kind.
pub(crate) fn judge(stage: &StageRecord) -> Option<Judged> {
    let StageFacts::Limits(facts) = &stage.facts else { return None };
    let objective = facts.objective;
    let points: Vec<Point> = stage.instances.iter().map(|instance| point(stage, instance, objective)).collect();
    let smallest = points.iter().find(|point| point.state == PointState::Met).map(|point| point.limits);
    Some(Judged { stage: stage.name.clone(), objective, points, smallest })
}

fn point(stage: &StageRecord, instance: &InstanceRecord, objective: Objective) -> Point {
    // A stage with only this instance yields all values within its limits.
    let alone = StageRecord { limits: instance.limits, instances: vec![instance.clone()], ..stage.clone() };
    let of = |values: Result<Vec<f64>, Absent>| Sample::new(values.ok()?).ok().map(|sample| Estimate::median(&sample));
    let mut point = Point {
        limits: instance.limits.unwrap_or_default(),
        state: PointState::Undecided,
        message: None,
        rps: of(rps(&alone)),
        p50_ms: of(response(&alone, 0.5)),
        p99_ms: of(response(&alone, 0.99)),
        throttled_percent: of(throttled_periods(&alone)),
        peak_bytes: of(peak(&alone)),
        bottleneck: bottleneck::of(&alone),
    };
    (point.state, point.message) = state(stage, instance, &point, objective);
    point
}

fn state(
    stage: &StageRecord,
    instance: &InstanceRecord,
    point: &Point,
    objective: Objective,
) -> (PointState, Option<String>) {
    if let Some(why) = gave_up(instance) {
        let state = if why.by_target { PointState::NotMet } else { PointState::Undecided };
        return (state, Some(why.to_string()));
    }
    let wanted = usize::try_from(stage.wanted).unwrap_or(usize::MAX);
    if stage.status != StageStatus::Valid && instance.rounds.len() <= wanted {
        return (PointState::Undecided, Some("stopped before it was complete".to_owned()));
    }
    let rps = objective.rps.map(|least| demand("rps", point.rps.as_ref(), |value| value >= least));
    let limit = objective.p99_ns.map(|ns| ns as f64 / 1e6);
    let p99 = limit.map(|most| demand("p99", point.p99_ms.as_ref(), |value| value <= most));
    let demands: Vec<(PointState, Option<String>)> = rps.into_iter().chain(p99).collect();
    let worst = |wanted: PointState| demands.iter().find(|(state, _)| *state == wanted).cloned();
    worst(PointState::NotMet).or_else(|| worst(PointState::Undecided)).unwrap_or((PointState::Met, None))
}

fn gave_up(instance: &InstanceRecord) -> Option<&GaveUp> {
    match &instance.facts {
        InstanceFacts::Limits(facts) => facts.gave_up.as_ref(),
        _ => None,
    }
}

impl Judged {
    /// Returns no finding, because limits that are too small are a result and not a regression.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        Vec::new()
    }

    pub(crate) fn trend(&self, metric: &Metric) -> Result<Estimate, Absent> {
        Err(no_trend(metric, &self.stage))
    }
}

/// Compares one objective with both ends of the interval.
fn demand(name: &str, found: Option<&Estimate>, keeps: impl Fn(f64) -> bool) -> (PointState, Option<String>) {
    let Some(estimate) = found else {
        return (PointState::Undecided, Some(format!("{name} has no value")));
    };
    let Some(interval) = estimate.interval else {
        return (PointState::Undecided, estimate.why_no_interval());
    };
    match (keeps(interval.low), keeps(interval.high)) {
        (true, true) => (PointState::Met, None),
        (false, false) => (PointState::NotMet, Some(format!("{name} misses it"))),
        _ => (PointState::Undecided, Some(format!("the interval of {name} reaches across it"))),
    }
}
