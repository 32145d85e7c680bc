//! From the rounds of a stage to its metrics.

use super::judgement::{Arms, Measured, Value};
use super::soak::Soak;
use crate::measure::Arm;
use crate::measure::metric::{Absent, METRICS, Metric};
use crate::measure::record::{Record, StageKind, StageRecord, StageStatus};
use crate::measure::soak::Quantity;
use crate::measure::trial::TrialRecord;
use harness_base::units::grouped;
use harness_stats::{Estimate, Sample};

/// Why slopes decide nothing between runs.
const SLOPE: &str = "a change over a soak is held against its budget, not against other runs";

/// Every metric of every stage, in the order of the stages and of the metric table. `soaks`: what its soaks show.
pub(super) fn metrics(record: &Record, soaks: &[Soak]) -> Vec<Measured> {
    let rows = |stage: &StageRecord| METRICS.iter().filter(|metric| metric.stage == stage.kind).collect::<Vec<_>>();
    let stages = record.stages.iter();
    stages.flat_map(|stage| rows(stage).into_iter().map(|metric| measured(metric, stage, soaks))).collect()
}

fn measured(metric: &Metric, stage: &StageRecord, soaks: &[Soak]) -> Measured {
    let value = value(metric, stage, soaks);
    let present = matches!(value, Value::Estimated { .. });
    Measured {
        id: metric.id_for(stage),
        unit: metric.unit,
        direction: metric.better,
        kind: metric.kind,
        stage: stage.name.clone(),
        value,
        arms: metric.by_arm.filter(|_| present).and_then(|of| arms(stage, of)),
        advisory: advisory(metric, stage).filter(|_| present),
    }
}

/// Only a valid stage yields numbers.
fn value(metric: &Metric, stage: &StageRecord, soaks: &[Soak]) -> Value {
    let found = match (&stage.status, metric.trend) {
        (StageStatus::Valid, Some(quantity)) => trend(quantity, stage, soaks),
        (StageStatus::Valid, None) => (metric.of)(stage).and_then(|rounds| {
            let sample = Sample::new(rounds).map_err(|unusable| Absent(unusable.to_string()))?;
            let (estimate, outliers) = (Estimate::median(&sample), sample.outliers());
            Ok(Value::Estimated { estimate, rounds: sample.values().to_vec(), outliers })
        }),
        _ => Err(Absent(why_no_numbers(stage))),
    };
    found.unwrap_or_else(|Absent(reason)| Value::Absent { reason })
}

/// The slope of a series: one value for the whole stage, with the interval of its resampling.
fn trend(quantity: Quantity, stage: &StageRecord, soaks: &[Soak]) -> Result<Value, Absent> {
    let soak = soaks.iter().find(|soak| soak.stage == stage.name);
    let found = soak.and_then(|soak| soak.of(quantity));
    let trend = found.ok_or_else(|| Absent(format!("{} has no trend in stage {}", quantity.name(), stage.name)))?;
    Ok(Value::Estimated { estimate: trend.change, rounds: vec![trend.change.point], outliers: Vec::new() })
}

/// Which stage is to blame; why stands once, at the stage.
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

/// The quantity on both arms over the valid rounds; absent as soon as one round lacks one.
fn arms(stage: &StageRecord, of: fn(&TrialRecord) -> Option<f64>) -> Option<Arms> {
    let estimate = |arm: Arm| {
        let values: Option<Vec<f64>> = stage.valid_rounds().map(|round| of(round.trial(arm)?)).collect();
        Sample::new(values?).ok().map(|sample| Estimate::median(&sample))
    };
    Some(Arms { direct: estimate(Arm::Direct)?, proxied: estimate(Arm::Proxied)? })
}

/// A far quantile of too few requests must not gate. The smallest round decides; of what was imported, its reader.
fn advisory(metric: &Metric, stage: &StageRecord) -> Option<String> {
    if let Some(import) = stage.imports.iter().find(|import| import.metric == metric.id) {
        return import.advisory.clone();
    }
    if metric.trend.is_some() {
        return Some(SLOPE.to_owned());
    }
    let trials = stage.valid_rounds().flat_map(|round| &round.trials);
    let (fewest, noun) = match stage.kind {
        StageKind::Soak => (stage.whole_windows().map(|window| window.ok).min()?, "window"),
        _ => (trials.map(|trial| trial.load.scheduled).min()?, "round"),
    };
    (fewest < metric.requests).then(|| {
        format!("{} requests a {noun}, {} needed to gate", grouped(fewest as f64), grouped(metric.requests as f64))
    })
}
