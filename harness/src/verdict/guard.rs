//! The guard against slow creep: a throughput or latency against the median of the last seven comparable runs. Steps that are each
//! too small for an alert add up there.

use super::context::Past;
use super::gate::{Guard, beyond};
use super::judgement::Measured;
use super::weigh::percent;
use crate::measure::metric::Better;
use harness_stats::{Estimate, Sample};

/// What the guard says of a metric: the sentence of a breach, or nothing. Earlier runs only: the present one is not among them.
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
