//! Finds patterns in the rounds of a stage that medians hide: drift, and dependence on the order.

mod load;

use super::judgement::Measured;
use super::parts::noun;
use super::stage::judging;
use crate::measure::Arm;
use crate::measure::record::{RoundRecord, StageRecord};
use crate::measure::trial::Build;
use harness_base::clock::Mono;
use harness_stats::{Sample, differences, drift, order_effect};

/// Significance level of a note. Two dozen metrics are tested, so one run in a few has a note by chance; it changes
/// nothing.
const P: f64 = 0.01;

/// Returns notes about the stage; `metrics` are those of the head.
pub(super) fn about(stage: &StageRecord, metrics: &[Measured]) -> Vec<String> {
    let own: Vec<&Measured> = metrics.iter().filter(|metric| metric.stage == stage.name).collect();
    let patterns = drifting(stage, &own).into_iter().chain(order(stage, &own));
    load::about(stage).into_iter().chain(patterns).chain((judging(stage.kind()).notes)(&own)).collect()
}

/// Returns notes about the pairs of two builds in `stage`, which has the trials of both.
pub(super) fn about_pairs(stage: &StageRecord, head: &[Measured], base: &[Measured]) -> Vec<String> {
    let own = head.iter().filter(|metric| metric.stage == stage.name);
    let pair = |head: &Measured| {
        let base = base.iter().find(|base| base.id == head.id)?;
        Some((head.id.clone(), differences(&rounds(base)?, &rounds(head)?).ok()?))
    };
    let pairs: Vec<(String, Sample)> = own.filter_map(pair).collect();
    let grows = pairs.iter().filter_map(|(id, pairs)| {
        let way = direction(pairs)?;
        Some(format!("head − base of {id} {way}"))
    });
    let base_first = base_first(stage);
    let turns = pairs.iter().filter_map(|(id, pairs)| {
        let found = order_effect(pairs, &base_first).ok()?;
        (found.test.significance.two_sided < P).then(|| format!("head − base of {id} depends on which goes first"))
    });
    let grows = first_of(grows.collect()).map(|message| format!("from pair to pair, {message}; p < {P}"));
    grows.into_iter().chain(first_of(turns.collect()).map(|message| format!("{message}; p < {P}"))).collect()
}

/// Returns for every pair of valid rounds or launches whether that of the base ran first.
fn base_first(stage: &StageRecord) -> Vec<bool> {
    let (base, head) = (begun(stage, Build::Base), begun(stage, Build::Head));
    base.iter().zip(&head).map(|(base, head)| base < head).collect()
}

/// Returns when the valid rounds of a build began, or its launches if it has no rounds.
fn begun(stage: &StageRecord, build: Build) -> Vec<Mono> {
    let own = |round: &&RoundRecord| round.trials.iter().any(|trial| trial.build == build);
    let rounds = stage.valid_rounds().filter(own);
    let rounds: Vec<Mono> = rounds.filter_map(|round| Some(round.trials.first()?.readings.0.first()?.at)).collect();
    if !rounds.is_empty() {
        return rounds;
    }
    stage
        .counted_launches()
        .filter(|instance| instance.build == build)
        .map(|instance| instance.launch.spawned)
        .collect()
}

fn rounds(metric: &Measured) -> Option<Sample> {
    Sample::new(metric.rounds().to_vec()).ok()
}

/// Returns `rises (τ 0.80)` or `falls (τ −0.80)` if the trend is significant.
fn direction(sample: &Sample) -> Option<String> {
    let found = drift(sample).ok().filter(|found| found.significance.two_sided < P)?;
    let way = if found.tau > 0.0 { "rises" } else { "falls" };
    Some(format!("{way} (τ {:.2})", found.tau))
}

/// Returns the first of several sentences, and the number of the others.
fn first_of(message: Vec<String>) -> Option<String> {
    let (first, others) = message.split_first()?;
    let more = if others.is_empty() { String::new() } else { format!(", and {} more", others.len()) };
    Some(format!("{first}{more}"))
}

/// Finds values that rise or fall from round to round: an incomplete warm-up, a leak, or a host that slows down.
fn drifting(stage: &StageRecord, metrics: &[&Measured]) -> Option<String> {
    let one = |metric: &&Measured| Some(format!("{} {}", metric.id, direction(&rounds(metric)?)?));
    let message = first_of(metrics.iter().filter_map(one).collect())?;
    let noun = noun(stage);
    Some(format!("from {noun} to {noun} {message}; p < {P}"))
}

/// Finds overhead that depends on the order of the arms, so that one trial affects the next.
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
