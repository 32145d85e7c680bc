//! What the rounds of a stage show beside their medians: values that drift, and values that depend on what went first.

use super::judgement::Measured;
use crate::measure::record::{RoundRecord, StageKind, StageRecord};
use crate::measure::trial::{Arm, Build};
use crate::stats::{Sample, drift, order_effect};

/// A note is written below this p. Two dozen metrics are looked at, so one run in a few has one by chance; it changes nothing.
const P: f64 = 0.01;

/// Notes about the stage; `metrics` are those of the head.
pub(super) fn about(stage: &StageRecord, metrics: &[Measured]) -> Vec<String> {
    let own: Vec<&Measured> = metrics.iter().filter(|metric| metric.stage == stage.name).collect();
    drifting(stage, &own).into_iter().chain(order(stage, &own)).collect()
}

fn rounds(metric: &Measured) -> Option<Sample> {
    Sample::new(metric.rounds().to_vec()).ok()
}

/// Values that rise or fall from round to round: warm-up that is not over, memory that is not given back, a host that slows down.
fn drifting(stage: &StageRecord, metrics: &[&Measured]) -> Option<String> {
    let one = |metric: &&&Measured| {
        let found = drift(&rounds(metric)?).ok().filter(|found| found.significance.two_sided < P)?;
        let way = if found.tau > 0.0 { "rises" } else { "falls" };
        Some(format!("{} {way} (τ {:.2})", metric.id, found.tau))
    };
    let drifting: Vec<String> = metrics.iter().filter_map(|metric| one(&metric)).collect();
    let (first, others) = drifting.split_first()?;
    let more = if others.is_empty() { String::new() } else { format!(", and {} more drift", others.len()) };
    let noun = match stage.kind {
        StageKind::Soak => "window",
        _ if stage.offered.is_some() => "round",
        _ => "launch",
    };
    Some(format!("from {noun} to {noun} {first}{more}; p < {P}"))
}

/// Overhead that depends on which arm went first, so that something of one trial reaches into the next.
fn order(stage: &StageRecord, metrics: &[&Measured]) -> Option<String> {
    let overhead = metrics.iter().find(|metric| metric.id.starts_with("overhead/latency_p50"))?;
    let head = |round: &&RoundRecord| round.trials.iter().any(|trial| trial.build == Build::Head);
    let first = |round: &RoundRecord| round.trials.first().map(|trial| trial.arm == Arm::Direct);
    let direct_first: Vec<bool> = stage.valid_rounds().filter(head).filter_map(first).collect();
    let found = order_effect(&rounds(overhead)?, &direct_first).ok()?;
    (found.test.significance.two_sided < P).then(|| {
        let shift = overhead.unit.show(found.shift.point);
        format!("{} is {shift} more where the proxied arm goes first; p < {P}", overhead.id)
    })
}
