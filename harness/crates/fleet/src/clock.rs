//! The clock of a node as the hub knows it: how far it is ahead, and how far that can be off. Pure arithmetic.
//!
//! A probe is sent at t0, stamped by the node at n, and its answer is read at t1. The node's stamp was taken between t0 and t1, so the node
//! is ahead by n − (t0 + t1)/2, and that is off by (t1 − t0)/2 at most, whatever the delays of the two ways are.

use serde::{Deserialize, Serialize};

use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The largest difference in speed of two clocks, in nanoseconds per millisecond: 100 parts in a million.
const DRIFT_NS_PER_MS: u64 = 100;

/// One probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// By the hub's clock.
    pub sent: Mono,
    /// By the node's clock.
    pub stamped: Mono,
    /// By the hub's clock.
    pub heard: Mono,
}

/// What is known of a node's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// How far the node's clock is ahead of the hub's, in nanoseconds.
    pub offset_ns: i64,
    /// How far that can be off at `at`, in nanoseconds.
    pub error_ns: u64,
    /// By the hub's clock.
    pub at: Mono,
    /// Whether both clocks are of one kernel, and so never drift apart: a time namespace only shifts its clock.
    pub of_one_kernel: bool,
}

impl Estimate {
    /// Computes it from one probe.
    pub fn of(sample: Sample, of_one_kernel: bool) -> Self {
        let round_trip = sample.heard.since(sample.sent).0;
        let middle = sample.sent.0.saturating_add(round_trip / 2);
        let offset_ns = ahead_ns(sample.stamped, Mono(middle));
        Self { offset_ns, error_ns: round_trip.div_ceil(2), at: sample.heard, of_one_kernel }
    }

    /// Returns how far the offset can be off at another instant: the clocks of two kernels drift apart meanwhile.
    pub fn error_at(self, instant: Mono) -> u64 {
        if self.of_one_kernel {
            return self.error_ns;
        }
        let age = instant.since(self.at).max(self.at.since(instant));
        self.error_ns.saturating_add(age.0.div_ceil(1_000_000).saturating_mul(DRIFT_NS_PER_MS))
    }

    /// Returns the round trip of its probe.
    pub const fn round_trip(self) -> Nanos {
        Nanos(self.error_ns.saturating_mul(2))
    }

    /// Returns the one of two that is less off when the later of them was made.
    #[must_use]
    pub fn or_better(self, other: Self) -> Self {
        let now = self.at.max(other.at);
        if other.error_at(now) <= self.error_at(now) { other } else { self }
    }
}

/// Returns how far a clock is ahead of another that was read at the same instant, in nanoseconds.
pub fn ahead_ns(clock: Mono, other: Mono) -> i64 {
    let ahead = i128::from(clock.0) - i128::from(other.0);
    i64::try_from(ahead).unwrap_or(if ahead < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    #[test]
    fn equal_ways_give_the_exact_offset() {
        let sample = Sample { sent: Mono(1_000), stamped: Mono(51_100), heard: Mono(1_200) };
        let estimate = Estimate::of(sample, false);
        assert_eq!((estimate.offset_ns, estimate.error_ns, estimate.at), (50_000, 100, Mono(1_200)));
        assert_eq!(estimate.round_trip(), Nanos(200));
    }

    #[test]
    fn an_old_estimate_is_replaced_by_a_worse_one_when_it_has_drifted_further() {
        let old = Estimate { offset_ns: 5, error_ns: 20_000, at: Mono(0), of_one_kernel: false };
        let soon = Estimate { offset_ns: 6, error_ns: 90_000, at: Mono(500_000_000), of_one_kernel: false };
        let late = Estimate { at: Mono(1_000_000_000), ..soon };
        assert_eq!(old.or_better(soon), old, "it is off by 70 µs then");
        assert_eq!(old.or_better(late), late, "it is off by 120 µs then");
        assert_eq!(late.or_better(old), late);
        let shifted = Estimate { of_one_kernel: true, ..old };
        assert_eq!(
            shifted.or_better(Estimate { of_one_kernel: true, ..late }),
            shifted,
            "clocks of one kernel do not drift"
        );
    }

    proptest! {
        #[test]
        fn the_bound_covers_the_truth(
            ahead in -30 * DAY..30 * DAY,
            ways in prop::collection::vec((0u64..50_000_000, 0u64..50_000_000, 0u64..5_000_000_000), 1..20),
            drift_ppm in -99i64..99,
        ) {
            // The hub's clock starts late enough for a node's to be days behind.
            let mut now = 40 * DAY.unsigned_abs();
            let begun = now;
            let truth = |at: u64| ahead + (at - begun) as i64 / 1_000_000 * drift_ppm;
            let node = |at: u64| Mono((at as i64 + truth(at)) as u64);
            let mut known: Option<Estimate> = None;
            for (there, back, pause) in ways {
                let sample = Sample { sent: Mono(now), stamped: node(now + there), heard: Mono(now + there + back) };
                let fresh = Estimate::of(sample, false);
                prop_assert_eq!(fresh.error_ns, (there + back).div_ceil(2));
                let best = known.map_or(fresh, |known| known.or_better(fresh));
                now += there + back + pause;
                let off = (best.offset_ns - truth(now)).unsigned_abs();
                // The drift within the probe itself is at most 100 ppm of its length.
                let bound = best.error_at(Mono(now)) + (there + back) / 10_000 + 200;
                prop_assert!(off <= bound, "{off} ns off, {bound} ns stated");
                known = Some(best);
            }
        }

        #[test]
        fn the_smallest_round_trip_of_probes_at_one_instant_decides(trips in prop::collection::vec(1u64..1_000_000, 1..16)) {
            let best = trips.iter().map(|trip| Estimate { offset_ns: 0, error_ns: *trip, at: Mono(7), of_one_kernel: false });
            let best = best.reduce(Estimate::or_better).map(|best| best.error_ns);
            prop_assert_eq!(best, trips.iter().min().copied());
        }
    }
}
