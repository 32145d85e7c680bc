//! Combines several stored runs into one base: the median of the last of them for every number.

use crate::measure::{Entry, Numbers, Values};
use harness_stats::{Estimate, Sample};

/// Number of last runs that count, in the order of their names.
pub(super) const RUNS: usize = 7;

/// Returns the median of the last runs; a single run unchanged.
pub(super) fn median(mut runs: Vec<Numbers>) -> Result<Numbers, String> {
    let left_out = runs.len().saturating_sub(RUNS);
    let mut runs: Vec<Numbers> = runs.drain(left_out..).collect();
    let Some(mut newest) = runs.pop() else { return Err("base: it contains no run".to_owned()) };
    if runs.is_empty() {
        return Ok(newest);
    }
    if let Some(other) = runs.iter().find(|run| run.layout != newest.layout) {
        let (one, two) = (newest.layout.word(), other.layout.word());
        return Err(format!(
            "base: {} is {one}, {} is {two}; keep runs of one kind together",
            newest.source, other.source
        ));
    }
    if let Some(other) = runs.iter().find(|run| run.fleet != newest.fleet) {
        return Err(format!(
            "base: the load of {} and {} came from fleets of different shapes, or from none; keep runs of one shape together",
            newest.source, other.source
        ));
    }
    // A number that only older runs have still counts: it must not vanish because the newest run lacks it.
    let mut entries = newest.entries.clone();
    for entry in runs.iter().rev().flat_map(|run| &run.entries) {
        if !entries.iter().any(|known| known.is_of(entry)) {
            entries.push(entry.clone());
        }
    }
    runs.push(newest.clone());
    newest.host = same(&runs, |run| run.host.clone());
    newest.scenario = same(&runs, |run| run.scenario.clone());
    newest.entries = entries.into_iter().map(|entry| merged(entry, &runs)).collect::<Result<_, _>>()?;
    Ok(newest)
}

/// Returns the value on which all runs agree, if they do.
fn same(runs: &[Numbers], of: impl Fn(&Numbers) -> Option<String>) -> Option<String> {
    let first = of(runs.first()?)?;
    let all = runs.iter().all(|run| of(run).as_ref() == Some(&first));
    Some(if all { first } else { "several".to_owned() })
}

fn merged(entry: Entry, runs: &[Numbers]) -> Result<Entry, String> {
    // Values of another source are another quantity, so they are no history of this one.
    let is_same = |other: &&Entry| other.is_of(&entry) && other.source == entry.source;
    let all: Vec<&Entry> = runs.iter().flat_map(|run| &run.entries).filter(is_same).collect();
    if let Some(other) = all.iter().find(|other| other.unit != entry.unit) {
        return Err(format!(
            "base: the unit of {} is {} in one run and {} in another",
            entry.label(),
            entry.unit,
            other.unit
        ));
    }
    let middle = |of: fn(&Values) -> Option<f64>| {
        let values: Vec<f64> = all.iter().filter_map(|entry| of(&entry.values)).collect();
        Sample::new(values).ok().map(|sample| Estimate::median(&sample).point)
    };
    let values = Values { value: middle(|v| v.value), p50: middle(|v| v.p50), p95: middle(|v| v.p95) };
    Ok(Entry { values, interval: None, n: Some(all.len() as u64), rounds: Vec::new(), ..entry })
}
