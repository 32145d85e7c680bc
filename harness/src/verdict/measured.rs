//! Computes the metrics of a stage from its rounds.

use super::judgement::{Arms, Measured, Value};
use super::judging::no_trend;
use super::stage::{Detail, judging};
use crate::measure::Arm;
use crate::measure::metric::{Absent, METRICS, Metric};
use crate::measure::record::{Record, StageRecord, StageStatus};
use crate::measure::trial::TrialRecord;
use harness_stats::{Estimate, Sample};

/// Computes every metric of every stage, in the order of the stages and of the metric table; `details` are those of the
/// whole stages.
pub(super) fn metrics(record: &Record, details: &[Option<Detail>]) -> Vec<Measured> {
    let rows = |stage: &StageRecord| METRICS.iter().filter(|metric| metric.stage == stage.kind()).collect::<Vec<_>>();
    let details = details.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    let stages = record.stages.iter().zip(details);
    stages
        .flat_map(|(stage, detail)| rows(stage).into_iter().map(move |metric| measured(metric, stage, detail)))
        .collect()
}

/// Returns the details of whole stages.
pub(super) fn details(record: &Record) -> Vec<Option<Detail>> {
    record.stages.iter().map(|stage| Detail::of(stage, record.scenario.seed)).collect()
}

fn measured(metric: &Metric, stage: &StageRecord, detail: Option<&Detail>) -> Measured {
    let value = value(metric, stage, detail);
    let present = matches!(value, Value::Estimated { .. });
    Measured {
        id: metric.id_for(stage),
        unit: metric.unit,
        direction: metric.better,
        kind: metric.kind,
        stage: stage.name.clone(),
        value,
        arms: metric.by_arm.filter(|_| present).and_then(|of| arms(stage, of)),
        advisory: (judging(stage.kind()).advisory)(metric, stage).filter(|_| present),
    }
}

/// Computes the value of a metric; only a valid stage has numbers.
fn value(metric: &Metric, stage: &StageRecord, detail: Option<&Detail>) -> Value {
    let found = match (&stage.status, metric.trend) {
        (StageStatus::Valid, true) => trend(metric, stage, detail),
        (StageStatus::Valid, false) => (metric.of)(stage).and_then(|rounds| {
            let sample = Sample::new(rounds).map_err(|unusable| Absent(unusable.to_string()))?;
            let (estimate, outliers) = (Estimate::median(&sample), sample.outliers());
            Ok(Value::Estimated { estimate, rounds: sample.values().to_vec(), outliers })
        }),
        _ => Err(Absent(why_no_numbers(stage))),
    };
    found.unwrap_or_else(|Absent(reason)| Value::Absent { reason })
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
fn arms(stage: &StageRecord, of: fn(&TrialRecord) -> Option<f64>) -> Option<Arms> {
    let estimate = |arm: Arm| {
        let values: Option<Vec<f64>> = stage.valid_rounds().map(|round| of(round.trial(arm)?)).collect();
        Sample::new(values?).ok().map(|sample| Estimate::median(&sample))
    };
    Some(Arms { direct: estimate(Arm::Direct)?, proxied: estimate(Arm::Proxied)? })
}
