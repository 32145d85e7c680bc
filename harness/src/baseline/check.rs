//! Checks the rules of a baseline that its layout does not express, when it is read and when it is written.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Baseline, Promoted, SCHEMA_VERSION, StoredMetric};
use crate::measure::metric::Better;
use harness_base::clock;

/// Checks a baseline.
///
/// # Errors
/// Returns the first violated rule, with run and metric, as a sentence without a full stop.
pub fn check(baseline: &Baseline) -> Result<(), String> {
    if baseline.schema_version != SCHEMA_VERSION {
        return Err(format!("schema_version is {}, it must be {SCHEMA_VERSION}", baseline.schema_version));
    }
    if baseline.runs.is_empty() {
        return Err("it has no run".to_owned());
    }
    let mut ids = BTreeSet::new();
    for run in &baseline.runs {
        if !ids.insert(run.run_id.as_str()) {
            return Err(format!("it contains run {} twice", run.run_id));
        }
        check_run(run).map_err(|why| format!("run {}: {why}", run.run_id))?;
    }
    if let Some(pair) = baseline.runs.windows(2).find(|pair| pair[0].started_at > pair[1].started_at) {
        let (earlier, later) = (&pair[0].run_id, &pair[1].run_id);
        return Err(format!(
            "run {later} began before run {earlier}, which precedes it in the file; sort the runs by time, oldest first"
        ));
    }
    one_unit(baseline)
}

fn check_run(run: &Promoted) -> Result<(), String> {
    for (key, time) in [("started_at", &run.started_at), ("promoted_at", &run.promoted_at)] {
        if clock::unix_of(time).is_none() {
            return Err(format!("{key} is {time:?}, not a time such as 2026-11-20T18:30:05Z"));
        }
    }
    for (key, digest) in [("scenario_sha256", &run.scenario_sha256), ("record_sha256", &run.record_sha256)] {
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("{key} is {digest:?}, not a SHA-256 of 64 hexadecimal digits"));
        }
    }
    if run.run_id.is_empty() {
        return Err("it has no run_id".to_owned());
    }
    if run.metrics.is_empty() {
        return Err("it has no metric with a value".to_owned());
    }
    let mut ids = BTreeSet::new();
    for metric in &run.metrics {
        if !ids.insert(metric.id.as_str()) {
            return Err(format!("it contains {} twice", metric.id));
        }
        check_metric(metric).map_err(|why| format!("{}: {why}", metric.id))?;
    }
    Ok(())
}

fn check_metric(metric: &StoredMetric) -> Result<(), String> {
    if !metric.id.split_once('/').is_some_and(|(category, name)| !category.is_empty() && !name.is_empty()) {
        return Err("an id has the form category/name".to_owned());
    }
    if metric.rounds.is_empty() {
        return Err("it has no rounds; a value needs at least one".to_owned());
    }
    if let Some(value) = metric.rounds.iter().chain([&metric.point]).find(|value| !value.is_finite()) {
        return Err(format!("{value} is not a finite number"));
    }
    let lowest = metric.rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = metric.rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if metric.point < lowest || metric.point > highest {
        return Err(format!("its point {} is outside the range of its rounds, {lowest} to {highest}", metric.point));
    }
    Ok(())
}

/// Checks that every id has the same unit and direction in all runs.
fn one_unit(baseline: &Baseline) -> Result<(), String> {
    let mut seen: BTreeMap<&str, &StoredMetric> = BTreeMap::new();
    for metric in baseline.runs.iter().flat_map(|run| &run.metrics) {
        let first = *seen.entry(&metric.id).or_insert(metric);
        if !same_quantity(first, metric) {
            return Err(format!(
                "{} is in {} in one run and in {} in another",
                metric.id,
                quantity(first),
                quantity(metric)
            ));
        }
    }
    Ok(())
}

/// Returns whether the values of both metrics can be in one history.
pub(super) fn same_quantity(one: &StoredMetric, other: &StoredMetric) -> bool {
    one.unit == other.unit && one.direction == other.direction
}

/// Formats unit and direction: `ms, lower is better`.
pub(super) fn quantity(metric: &StoredMetric) -> String {
    let better = match metric.direction {
        Better::Lower => "lower",
        Better::Higher => "higher",
    };
    format!("{} ({better} is better)", metric.unit.label())
}
