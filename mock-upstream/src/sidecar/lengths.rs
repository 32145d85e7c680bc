//! Durations that the sidecar adds or measures, collected without a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use harness_base::units::Nanos;

/// Collects count, sum, extremes and distribution of durations.
#[derive(Debug)]
pub(crate) struct Lengths {
    buckets: Box<[AtomicU64]>,
    count: AtomicU64,
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
}

/// Durations in nanoseconds. The median and the extremes are null when there was none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Span {
    pub count: u64,
    pub sum: u64,
    /// Exact to 1 %. Unlike the mean, it is not affected by a few durations that another process made longer.
    pub median: Option<u64>,
    pub min: Option<u64>,
    pub max: Option<u64>,
}

/// Durations in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Total {
    pub count: u64,
    pub sum: u64,
}

/// Buckets of each power of two.
const STEPS: u64 = 64;
/// The upper end of the distribution, more than two minutes; longer durations are counted here.
const LONGEST: u64 = (1 << 37) - 1;

/// Returns the bucket of a duration.
fn bucket(nanos: u64) -> usize {
    let nanos = nanos.clamp(STEPS, LONGEST);
    let shift = nanos.ilog2() - STEPS.ilog2();
    (u64::from(shift) * STEPS + (nanos >> shift) - STEPS) as usize
}

/// Returns the middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let (shift, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    ((STEPS + step) << shift) + (1 << shift) / 2
}

impl Lengths {
    pub(crate) fn new() -> Self {
        let buckets = (0..=bucket(LONGEST)).map(|_| AtomicU64::new(0)).collect();
        let zero = || AtomicU64::new(0);
        Self { buckets, count: zero(), sum: zero(), min: AtomicU64::new(u64::MAX), max: zero() }
    }

    pub(crate) fn record(&self, length: Nanos) {
        let nanos = length.0;
        self.buckets[bucket(nanos)].fetch_add(1, Relaxed);
        self.count.fetch_add(1, Relaxed);
        self.sum.fetch_add(nanos, Relaxed);
        self.min.fetch_min(nanos, Relaxed);
        self.max.fetch_max(nanos, Relaxed);
    }

    pub(crate) fn total(&self) -> Total {
        Total { count: self.count.load(Relaxed), sum: self.sum.load(Relaxed) }
    }

    pub(crate) fn span(&self) -> Span {
        let Total { count, sum } = self.total();
        let extreme = |value: &AtomicU64| (count > 0).then(|| value.load(Relaxed));
        Span { count, sum, median: self.median(), min: extreme(&self.min), max: extreme(&self.max) }
    }

    fn median(&self) -> Option<u64> {
        let counts: Vec<u64> = self.buckets.iter().map(|count| count.load(Relaxed)).collect();
        let half = counts.iter().sum::<u64>().div_ceil(2);
        let mut below = 0;
        let found = counts.iter().position(|count| {
            below += count;
            half > 0 && below >= half
        });
        found.map(middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_exact_to_one_percent_and_robust() {
        for length in [100, 1_000, 499_999, 500_000, 987_654_321, LONGEST] {
            let lengths = Lengths::new();
            assert_eq!(lengths.span().median, None);
            for off in [0, 0, 0, 7_000_000_000, 90_000_000_000] {
                lengths.record(Nanos(length + off));
            }
            let median = lengths.span().median.unwrap();
            assert!(median.abs_diff(length) <= length / 100, "{median}, truth {length}");
        }
    }
}
