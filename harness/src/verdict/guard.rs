//! Compares throughput and latency with the median of the last seven comparable runs. The guard detects a series of
//! small regressions, each of which is too small for an alert.

use super::context::Past;
use super::gate::{Guard, beyond};
use super::judgement::Measured;
use super::weigh::percent;
use crate::measure::metric::Better;
use harness_stats::{Estimate, Sample};

/// Returns the sentence of a breach of the guard, if there is one. `past` contains only earlier runs.
pub(super) fn breach(guard: &Guard, metric: &Measured, past: &Past) -> Option<String> {
    let limit = guard.limit(metric.category())?;
    let runs = &past.history[past.history.len().saturating_sub(Guard::RUNS)..];
    let fewest = usize::try_from(guard.fewest).unwrap_or(usize::MAX);
    if runs.len() < fewest || metric.advisory.is_some() || metric.unit != past.unit {
        return None;
    }
    let median = Estimate::median(&Sample::new(runs.to_vec()).ok()?).point;
    let found = metric.estimate()?.point;
    if median <= 0.0 || !found.is_finite() {
        return None;
    }
    let change = (found - median) / median;
    let worse = if metric.direction == Better::Lower { change } else { -change };
    beyond(worse, limit).then(|| {
        format!(
            "guard: {} worse than {}, the median of the last {} runs, limit {}",
            percent(worse),
            metric.unit.show(median),
            runs.len(),
            percent(limit)
        )
    })
}
