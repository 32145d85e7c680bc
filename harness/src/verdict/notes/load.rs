//! Finds what the load of a stage says about the target beside its metrics: a queue that grows, and connections that it closed.

use crate::measure::Arm;
use crate::measure::Pace;
use crate::measure::metric::Unit;
use crate::measure::record::{RoundStatus, StageRecord};
use crate::measure::trial::TrialRecord;
use crate::verdict::tail;
use harness_base::units::{Ratio, grouped};
use harness_stats::{Sample, above_zero};

/// Significance level of a rise within the windows.
const P: f64 = 0.01;
/// Smallest rise from the first to the second half of a window that is noted, relative to the first.
const RISE: f64 = 0.25;
/// Smallest rise in nanoseconds.
const RISE_NS: f64 = 50_000.0;
/// Share of the requests from which reopened connections are noted.
const REOPENED: f64 = 0.01;

/// Returns notes about the load of a stage.
pub(super) fn about(stage: &StageRecord) -> Vec<String> {
    [ages(stage), growing(stage), reopened(stage)].into_iter().flatten().collect()
}

fn proxied(stage: &StageRecord) -> impl Iterator<Item = &TrialRecord> {
    stage.valid_rounds().filter_map(|round| round.trial(Arm::Proxied))
}

/// States up to which age of the target the far quantiles hold, if there was a long window.
fn ages(stage: &StageRecord) -> Option<String> {
    let has_tail =
        stage.instances.iter().flat_map(|instance| &instance.rounds).any(|round| round.status == RoundStatus::Tail);
    let oldest = tail::oldest(stage).filter(|_| has_tail)?;
    let disturbed = if stage.tail().is_some() {
        ""
    } else {
        "; the host disturbed the tail window, so seldom pauses can be missing"
    };
    Some(format!("p95 and p99 include what happens up to an age of the target of {oldest}{disturbed}"))
}

/// Finds response times that rise within the windows of an open loop: the target answers more slowly than requests arrive, so its queue
/// grows, and a longer window would have longer response times.
fn growing(stage: &StageRecord) -> Option<String> {
    let Some(Pace::Open { rate, .. }) = stage.offered else { return None };
    let halves: Vec<(f64, f64)> = proxied(stage)
        .filter_map(|trial| trial.load.halves)
        .map(|halves| (halves.first_ns as f64, halves.second_ns as f64))
        .collect();
    let rises = Sample::new(halves.iter().map(|(first, second)| second - first).collect()).ok()?;
    let middle = |values: Vec<f64>| Some(harness_stats::Estimate::median(&Sample::new(values).ok()?).point);
    let first = middle(halves.iter().map(|(first, _)| *first).collect())?;
    let second = middle(halves.iter().map(|(_, second)| *second).collect())?;
    let rise = second - first;
    let is_growing = rise > RISE * first && rise > RISE_NS && above_zero(&rises) < P;
    is_growing.then(|| {
        let [first, second] = [first, second].map(|ns| Unit::Millis.show(ns / 1e6));
        format!(
            "not stationary: within a window the mean response time rises from {first} to {second}, because the target answers more \
             slowly than {rate} arrive; longer windows would have longer response times"
        )
    })
}

fn reopened(stage: &StageRecord) -> Option<String> {
    let sum = |of: fn(&TrialRecord) -> u64| proxied(stage).map(of).sum::<u64>();
    let (reopened, sent) = (sum(|trial| trial.load.reconnects), sum(|trial| trial.load.sent_total));
    let share = reopened as f64 / sent.max(1) as f64;
    (share > REOPENED).then(|| {
        format!(
            "the target closed its connections: {} of {} requests ({}) opened a new one, which is part of their response times",
            grouped(reopened as f64),
            grouped(sent as f64),
            Ratio(share)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::record::{InstanceRecord, RoundRecord};
    use harness_base::units::Rate;
    use harness_load::facts::{Halves, LoadFacts};

    fn stage(loads: Vec<LoadFacts>) -> StageRecord {
        let offered = Pace::Open { rate: Rate(1000.0), arrivals: Default::default() };
        let trial = |load| TrialRecord::new(Arm::Proxied, offered, load);
        let round = |load| RoundRecord { index: 1, status: RoundStatus::Valid, trials: vec![trial(load)] };
        let instance = InstanceRecord { rounds: loads.into_iter().map(round).collect(), ..InstanceRecord::default() };
        StageRecord { instances: vec![instance], offered: Some(offered), ..StageRecord::default() }
    }

    fn halves(first_ns: u64, second_ns: u64) -> LoadFacts {
        LoadFacts { halves: Some(Halves { first_ns, second_ns }), ..LoadFacts::default() }
    }

    #[test]
    fn a_queue_that_grows_in_every_window_is_noted_and_noise_is_not() {
        let rising = stage((0..10).map(|n| halves(1_000_000 + n, 1_800_000)).collect());
        let [note] = about(&rising).try_into().unwrap();
        assert!(
            note.starts_with("not stationary: within a window the mean response time rises from 1.00 ms to 1.80 ms")
        );
        let noise = stage((0..10).map(|n| halves(1_000_000 + n % 2 * 800_000, 1_800_000 - n % 2 * 800_000)).collect());
        assert!(about(&noise).is_empty());
        let small = stage((0..10).map(|n| halves(100_000 + n, 140_000)).collect());
        assert!(about(&small).is_empty());
    }

    #[test]
    fn reopened_connections_are_noted_beyond_their_share() {
        let load = |reconnects| LoadFacts { sent_total: 1_000, reconnects, ..LoadFacts::default() };
        assert!(about(&stage(vec![load(10)])).is_empty());
        let [note] = about(&stage(vec![load(11)])).try_into().unwrap();
        assert!(note.contains("11 of 1,000 requests (1.10 %) opened a new one"), "{note}");
    }
}
