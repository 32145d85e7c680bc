//! The read lag: the time from the arrival of an answer's last byte to the end of our read.
//!
//! The kernel stamps arrivals by the wall clock, everything else here is of the monotonic clock. Both run at the same rate, and their
//! difference changes only when the clock is set, so it is measured again and again: values between two measurements that disagree are
//! dropped.

use crate::facts::ReadLag;
use crate::latency::LatencyHistogram;
use harness_base::clock::{Mono, real_time};
use harness_base::units::Nanos;

/// The number of values between two measurements of the difference.
const PENDING: usize = 256;
/// The number of attempts to measure it, of which the shortest counts. More than one is needed if the thread is interrupted.
const ATTEMPTS: usize = 3;
/// The error at which no further attempt is made.
const PRECISE: Nanos = Nanos(500);

/// The read lags of one thread.
#[derive(Default)]
pub(super) struct ReadLags {
    difference: Option<Difference>,
    pending: Vec<Nanos>,
    lags: LatencyHistogram,
    dropped: u64,
    error: Nanos,
}

/// The wall clock − the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Difference {
    value: u64,
    /// How far the value can be off, in both directions.
    error: Nanos,
}

impl Difference {
    fn measure() -> Self {
        let mut best = Self::bracket();
        for _ in 1..ATTEMPTS {
            if best.error <= PRECISE {
                break;
            }
            let next = Self::bracket();
            best = if next.error < best.error { next } else { best };
        }
        best
    }

    /// Reads one clock between two readings of the other.
    fn bracket() -> Self {
        let before = Mono::now();
        let real = real_time();
        let half = Mono::now().since(before).0.div_ceil(2);
        Self { value: real.0.wrapping_sub(before.0 + half), error: Nanos(half) }
    }

    /// Returns whether both can be measurements of the same difference.
    fn agrees(self, other: Self) -> bool {
        let apart = self.value.wrapping_sub(other.value).cast_signed().unsigned_abs();
        apart <= self.error.plus(other.error).0
    }

    /// Returns the time from `arrived` to `read`; zero if the error makes it negative.
    fn lag(self, arrived: Nanos, read: Mono) -> Nanos {
        read.since(Mono(arrived.0.wrapping_sub(self.value)))
    }
}

impl ReadLags {
    /// Measures the difference of the clocks, so that the first values can be compared with it.
    pub(super) fn begin(&mut self) {
        self.difference = Some(Difference::measure());
    }

    /// Adds an answer whose last byte arrived at `arrived` and was read at `read`.
    pub(super) fn add(&mut self, arrived: Nanos, read: Mono) {
        let difference = *self.difference.get_or_insert_with(Difference::measure);
        self.pending.push(difference.lag(arrived, read));
        if self.pending.len() >= PENDING {
            self.settle();
        }
    }

    /// Records the pending values, unless the clock was set since they were added.
    pub(super) fn settle(&mut self) {
        self.settle_with(Difference::measure());
    }

    fn settle_with(&mut self, now: Difference) {
        let Some(before) = self.difference.replace(now) else { return };
        if before.agrees(now) {
            self.error = self.error.max(before.error.plus(now.error));
            self.pending.drain(..).for_each(|lag| self.lags.record(lag));
        } else {
            self.dropped += self.pending.len() as u64;
            self.pending.clear();
        }
    }

    /// Adds the settled values of another thread.
    pub(super) fn merge(&mut self, other: &Self) {
        self.lags.merge(&other.lags);
        self.dropped += other.dropped;
        self.error = self.error.max(other.error);
    }

    /// Returns the settled values; `None` if there is none.
    pub(super) fn facts(self) -> Option<ReadLag> {
        let Self { lags, dropped, error, .. } = self;
        (lags.count() > 0 || dropped > 0).then_some(ReadLag { lags, dropped, error_ns: error.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn difference(value: u64, error: u64) -> Difference {
        Difference { value, error: Nanos(error) }
    }

    fn lags(first: Difference) -> ReadLags {
        ReadLags { difference: Some(first), ..ReadLags::default() }
    }

    #[test]
    fn a_lag_is_read_minus_arrived_in_either_order_of_the_clocks() {
        for value in [1_700_000_000_000_000_000, 5, 0, 5_u64.wrapping_neg()] {
            let arrived = Nanos(1_000_000_u64.wrapping_add(value));
            assert_eq!(difference(value, 0).lag(arrived, Mono(1_000_700)), Nanos(700));
            assert_eq!(difference(value, 0).lag(arrived, Mono(999_990)), Nanos::ZERO);
        }
    }

    #[test]
    fn values_across_a_step_of_the_clock_are_dropped_and_later_ones_count() {
        let mut lags = lags(difference(1_000_000, 100));
        lags.add(Nanos(1_000_500), Mono(600));
        lags.settle_with(difference(1_000_150, 60));
        assert_eq!((lags.lags.count(), lags.dropped), (1, 0), "within the errors");
        // The clock is set back by a second; by then two answers have been read.
        (0..2).for_each(|_| lags.add(Nanos(1_000_700), Mono(800)));
        lags.settle_with(difference(1_000_150_u64.wrapping_sub(1_000_000_000), 60));
        assert_eq!((lags.lags.count(), lags.dropped), (1, 2));
        lags.add(Nanos(1_000_900_u64.wrapping_sub(1_000_000_000)), Mono(900));
        lags.settle_with(difference(1_000_150_u64.wrapping_sub(1_000_000_000), 60));
        let facts = lags.facts().unwrap();
        assert_eq!((facts.lags.count(), facts.dropped, facts.error_ns), (2, 2, 160));
    }

    #[test]
    fn the_difference_of_the_clocks_is_known_to_microseconds() {
        let both = [Difference::measure(), Difference::measure()];
        assert!(both[0].agrees(both[1]), "{both:?}");
        assert!(both.iter().any(|difference| difference.error < Nanos::from_micros(50)), "{both:?}");
    }
}
