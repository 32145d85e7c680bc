//! Detects timeouts that are recorded as latencies: iterations that ended because their time budget ran out, but were
//! counted as successful.

use crate::measure::{Entry, Quantity};

/// Common time budgets in milliseconds.
const BUDGETS_MS: [f64; 6] = [1_000.0, 2_000.0, 5_000.0, 10_000.0, 30_000.0, 60_000.0];

/// Relative overrun of an iteration that ended at its budget.
const LATE: f64 = 0.005;

/// An entry whose quantiles equal a budget.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) label: String,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) budget_ms: f64,
}

/// Finds the first latency that equals a round time budget at both p50 and p95.
pub(crate) fn find(entries: &[Entry]) -> Option<Found> {
    entries.iter().find_map(|entry| {
        let (quantity, scale) = Quantity::of(&entry.unit)?;
        let (p50, p95) = quantiles(entry, entries)?;
        let (p50, p95) = (p50 * scale, p95 * scale);
        let on = |budget: f64, ms: f64| ms >= budget && ms <= budget * (1.0 + LATE);
        let budget = BUDGETS_MS.into_iter().find(|budget| on(*budget, p50) && on(*budget, p95))?;
        (quantity == Quantity::Duration).then(|| Found { label: entry.label(), p50, p95, budget_ms: budget })
    })
}

/// Returns both quantiles: those of the entry, or that of its neighbour named `p95`.
fn quantiles(entry: &Entry, entries: &[Entry]) -> Option<(f64, f64)> {
    if let (Some(p50), Some(p95)) = (entry.values.p50, entry.values.p95) {
        return Some((p50, p95));
    }
    let wanted = entry.id.contains("p50").then(|| entry.id.replace("p50", "p95"))?;
    let p95 = entries.iter().find(|other| other.id == wanted && other.unit == entry.unit)?;
    Some((entry.values.value?, p95.values.value?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Values;

    fn found(unit: &str, p50: f64, p95: f64) -> Option<f64> {
        let values = Values { p50: Some(p50), p95: Some(p95), value: None };
        find(&[Entry::new("echo", "latency", unit, values)]).map(|found| found.budget_ms)
    }

    #[test]
    fn both_quantiles_on_one_budget_are_timeouts_in_any_unit() {
        assert_eq!(found("ms", 1_000.0, 1_000.0), Some(1_000.0));
        assert_eq!(found("ms", 2_003.8, 2_004.5), Some(2_000.0));
        assert_eq!(found("s", 5.0, 5.001), Some(5_000.0));
        assert_eq!(found("ns", 3e10, 3.0001e10), Some(30_000.0));
    }

    #[test]
    fn a_slow_thing_is_no_timeout() {
        assert_eq!(found("ms", 1_000.0, 1_400.0), None);
        assert_eq!(found("ms", 990.0, 1_000.0), None);
        assert_eq!(found("ms", 1_006.0, 1_007.0), None);
        assert_eq!(found("MB/s", 1_000.0, 1_000.0), None);
    }

    #[test]
    fn quantiles_that_are_entries_of_their_own_are_seen_together() {
        let entry = |id: &str, value| Entry::new(id, id, "ms", Values::single(value));
        assert!(find(&[entry("latency/p50", 1_000.0), entry("latency/p95", 1_000.4)]).is_some());
        assert!(find(&[entry("latency/p50", 1_000.0)]).is_none());
    }
}
