//! Computes the metrics of a stage from its instances and rounds.
//!
//! With at least five instances, each instance is one value, because its rounds depend on each other. With fewer, each round is one.

use super::judgement::{Arms, Measured, Value};
use super::judging::no_trend;
use super::parts::instances;
use super::stage::{Detail, judging};
use super::tail::{self, MS, pooled_estimate};
use crate::measure::Arm;
use crate::measure::metric::fleet::{ADVISORY, FLEET, has_fleet};
use crate::measure::metric::row::{Pooled, Values};
use crate::measure::metric::values::NO_ANSWER;
use crate::measure::metric::{Absent, Kind, METRICS, Metric};
use crate::measure::record::{Record, RoundRecord, StageRecord, StageStatus};
use crate::measure::trial::TrialRecord;
use harness_stats::{Counts, Estimate, FEWEST_UNITS, Sample, interquartile_mean};

/// Computes every metric of every stage, in the order of the stages and of the metric table; `details` are those of the
/// whole stages.
pub(super) fn metrics(record: &Record, details: &[Option<Detail>]) -> Vec<Measured> {
    let rows = |stage: &StageRecord| METRICS.iter().filter(|metric| metric.stage == stage.kind()).collect::<Vec<_>>();
    let details = details.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    let stages = record.stages.iter().zip(details);
    let all: Vec<Measured> = stages
        .flat_map(|(stage, detail)| {
            let parts = Parts::of(stage);
            let of_kind = rows(stage).into_iter().map(|metric| measured(metric, stage, &parts, detail));
            of_kind.chain(of_fleet(stage)).collect::<Vec<_>>()
        })
        .collect();
    without_doubles(all)
}

/// Computes the metrics of the fleet that sent the load of a stage, from its rounds; nothing without a fleet.
fn of_fleet(stage: &StageRecord) -> Vec<Measured> {
    let rows = if has_fleet(stage) { FLEET } else { &[] };
    let of = |metric: &Metric| Measured {
        // Every stage has them.
        id: format!("{}@{}", metric.id, stage.name),
        advisory: Some(ADVISORY.to_owned()),
        ..measured(metric, stage, &Parts::Rounds, None)
    };
    rows.iter().map(of).collect()
}

/// Leaves out a metric without a value that another stage has too: several kinds can measure it, and one of them did.
fn without_doubles(all: Vec<Measured>) -> Vec<Measured> {
    let is_absent = |metric: &Measured| matches!(metric.value, Value::Absent { .. });
    let mut kept: Vec<Measured> = Vec::with_capacity(all.len());
    for metric in all {
        match kept.iter_mut().find(|known| known.id == metric.id) {
            None => kept.push(metric),
            Some(known) if is_absent(known) => *known = metric,
            Some(_) => {}
        }
    }
    kept
}

/// The parts of a stage of which each is one value.
enum Parts {
    /// A stage for each instance, with this instance alone.
    Instances(Vec<StageRecord>),
    Rounds,
}

impl Parts {
    fn of(stage: &StageRecord) -> Self {
        if instances(stage).count() < FEWEST_UNITS {
            return Self::Rounds;
        }
        let frame = StageRecord { instances: Vec::new(), ..stage.clone() };
        Self::Instances(
            instances(stage).map(|one| StageRecord { instances: vec![one.clone()], ..frame.clone() }).collect(),
        )
    }

    /// Returns how often each response time of an arm occurred in each part.
    fn counts(&self, stage: &StageRecord, pooled: &Pooled, arm: Arm) -> Vec<Counts> {
        let add = |counts: &mut Counts, round: &RoundRecord| {
            let trial = round.trial(arm);
            trial.into_iter().for_each(|trial| counts.add((pooled.histogram)(trial).steps()));
        };
        let one = |round: &RoundRecord| {
            let mut counts = Counts::default();
            add(&mut counts, round);
            counts
        };
        let all = |part: &StageRecord| {
            let mut counts = Counts::default();
            part.valid_rounds().for_each(|round| add(&mut counts, round));
            counts
        };
        match self {
            Self::Rounds => stage.valid_rounds().map(one).collect(),
            Self::Instances(parts) => parts.iter().map(all).collect(),
        }
    }

    /// Returns the value of each part, from the values of its rounds.
    fn values(&self, stage: &StageRecord, of: impl Fn(&StageRecord) -> Values) -> Values {
        let center = |part: &StageRecord| Ok(interquartile_mean(&sample(of(part)?)?));
        match self {
            Self::Rounds => of(stage),
            Self::Instances(parts) => parts.iter().map(center).collect(),
        }
    }

    /// Returns the estimate from the value of each part.
    fn estimate(&self, sample: &Sample) -> Result<Estimate, Absent> {
        match self {
            Self::Rounds => Ok(Estimate::median(sample)),
            Self::Instances(_) => Estimate::mean(sample).map_err(|undefined| Absent(undefined.to_string())),
        }
    }
}

/// Returns the details of whole stages.
pub(super) fn details(record: &Record) -> Vec<Option<Detail>> {
    record.stages.iter().map(Detail::of).collect()
}

fn measured(metric: &Metric, stage: &StageRecord, parts: &Parts, detail: Option<&Detail>) -> Measured {
    let value = value(metric, stage, parts, detail);
    let present = matches!(value, Value::Estimated { .. });
    Measured {
        id: metric.id_for(stage),
        unit: metric.unit,
        direction: metric.better,
        kind: metric.kind,
        source: metric.source,
        stage: stage.name.clone(),
        value,
        between_runs: None,
        arms: metric.by_arm.filter(|_| present).and_then(|of| arms(metric, stage, parts, of)),
        advisory: (judging(stage.kind()).advisory)(metric, stage).filter(|_| present),
    }
}

/// Computes the value of a metric; only a valid stage has numbers.
fn value(metric: &Metric, stage: &StageRecord, parts: &Parts, detail: Option<&Detail>) -> Value {
    let found = match (&stage.status, metric.trend, metric.kind) {
        (StageStatus::Valid, true, _) => trend(metric, stage, detail),
        (StageStatus::Valid, false, Kind::Exact) => estimated(metric, stage, &Parts::Rounds),
        (StageStatus::Valid, false, Kind::Sampled) => estimated(metric, stage, parts),
        _ => Err(Absent(why_no_numbers(stage))),
    };
    found.unwrap_or_else(|Absent(reason)| Value::Absent { reason })
}

fn estimated(metric: &Metric, stage: &StageRecord, parts: &Parts) -> Result<Value, Absent> {
    let sample = sample(match (&metric.pooled, parts) {
        (Some(pooled), Parts::Instances(_)) => quantiles(stage, parts, pooled)?,
        _ => parts.values(stage, metric.of)?,
    })?;
    let estimate = match &metric.pooled {
        Some(pooled) if !pooled.less_direct => {
            let short = pooled_estimate(&parts.counts(stage, pooled, Arm::Proxied), pooled.q)?;
            tail::longer(stage, pooled, short)
        }
        Some(pooled) => {
            let direct = || pooled_estimate(&parts.counts(stage, pooled, Arm::Direct), pooled.q);
            tail::longer_difference(stage, pooled, parts.estimate(&sample)?, direct)
        }
        None => metric.quantile.map_or_else(|| parts.estimate(&sample), |q| Ok(Estimate::quantile(&sample, q)))?,
    };
    let outliers = sample.outliers();
    Ok(Value::Estimated { estimate, rounds: sample.values().to_vec(), outliers })
}

fn sample(values: Vec<f64>) -> Result<Sample, Absent> {
    Sample::new(values).map_err(|unusable| Absent(unusable.to_string()))
}

/// Returns the quantile of the requests of each part, in milliseconds.
fn quantiles(stage: &StageRecord, parts: &Parts, pooled: &Pooled) -> Values {
    let of = |arm: Arm| -> Option<Vec<f64>> {
        parts.counts(stage, pooled, arm).iter().map(|counts| Some(counts.quantile(pooled.q)? as f64 * MS)).collect()
    };
    let no_answer = || Absent(NO_ANSWER.to_owned());
    let proxied = of(Arm::Proxied).ok_or_else(no_answer)?;
    if !pooled.less_direct {
        return Ok(proxied);
    }
    let direct = of(Arm::Direct).ok_or_else(no_answer)?;
    Ok(proxied.iter().zip(&direct).map(|(proxied, direct)| proxied - direct).collect())
}

/// Returns the slope of a series: one value for the whole stage, with the interval of its resampling.
fn trend(metric: &Metric, stage: &StageRecord, detail: Option<&Detail>) -> Result<Value, Absent> {
    let estimate = detail.map_or_else(|| Err(no_trend(metric, &stage.name)), |detail| detail.trend(metric))?;
    Ok(Value::Estimated { estimate, rounds: vec![estimate.point], outliers: Vec::new() })
}

/// Names the invalid stage; the reason is given at the stage.
fn why_no_numbers(stage: &StageRecord) -> String {
    let what = match &stage.status {
        StageStatus::Valid => "is valid",
        StageStatus::Invalid(_) => "is invalid",
        StageStatus::Failed(_) => "failed",
        StageStatus::Skipped(_) => "was skipped",
        StageStatus::Incomplete => "was stopped before it was complete",
    };
    format!("stage {} {what}", stage.name)
}

/// Returns the quantity on both arms over the valid rounds; absent if one round has none.
fn arms(metric: &Metric, stage: &StageRecord, parts: &Parts, of: fn(&TrialRecord) -> Option<f64>) -> Option<Arms> {
    let estimate = |arm: Arm| {
        if let Some(pooled) = &metric.pooled {
            return pooled_estimate(&parts.counts(stage, pooled, arm), pooled.q).ok();
        }
        let values = |stage: &StageRecord| {
            let values: Option<Vec<f64>> = stage.valid_rounds().map(|round| of(round.trial(arm)?)).collect();
            values.ok_or_else(|| Absent(NO_ANSWER.to_owned()))
        };
        parts.estimate(&sample(parts.values(stage, values).ok()?).ok()?).ok()
    };
    Some(Arms { direct: estimate(Arm::Direct)?, proxied: estimate(Arm::Proxied)? })
}
