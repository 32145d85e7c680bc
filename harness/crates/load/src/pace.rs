//! How the requests of a trial arrive, and when those of an open loop are due, as spans since the start of the trial. It uses no clock.
//!
//! The rate rises linearly from 0 to r over the ramp R, then stays. The number of requests due by t is its integral:
//! N(t) = r·t²/(2R) up to R, and r·(t − R/2) after it. Slot i is due when N(t) = i, which solves to t = √(2R·i/r) while
//! i < r·R/2, and to t = i/r + R/2 from there on. Both give R at i = r·R/2.

use serde::{Deserialize, Serialize};

use harness_base::units::{Nanos, Rate};

/// How the requests of a trial arrive: as a scenario sets it, as the generator offers it, and as the record states it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Open loop: requests start at a fixed rate, whether earlier ones were answered or not.
    Open {
        #[serde(rename = "rate_per_second")]
        #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
        rate: Rate,
    },
    /// Closed loop: every virtual user sends its next request as soon as the last one was answered.
    Closed { vus: u64 },
}

/// The instants at which an open loop's requests are due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    per_ns: f64,
    ramp_ns: f64,
}

impl Schedule {
    /// Creates a schedule that reaches `rate` after `ramp`.
    pub fn new(rate: Rate, ramp: Nanos) -> Self {
        Self { per_ns: rate.0 / 1e9, ramp_ns: ramp.0 as f64 }
    }

    /// Returns when slot `slot`, counted from 0, is due. Never decreases from one slot to the next.
    pub fn due(&self, slot: u64) -> Nanos {
        let slot = slot as f64;
        let rising = slot < self.per_ns * self.ramp_ns / 2.0;
        let due = if rising {
            (2.0 * self.ramp_ns * slot / self.per_ns).sqrt().min(self.ramp_ns)
        } else {
            slot / self.per_ns + self.ramp_ns / 2.0
        };
        Nanos(due.round() as u64)
    }

    /// Returns how many slots are due before `span` has passed: the number i with `due(i − 1)` < `span` ≤ `due(i)`. The integral is
    /// corrected against [`Schedule::due`], so that both agree exactly.
    pub fn due_before(&self, span: Nanos) -> u64 {
        let t = span.0 as f64;
        let integral = if t < self.ramp_ns {
            self.per_ns * t * t / (2.0 * self.ramp_ns)
        } else {
            self.per_ns * (t - self.ramp_ns / 2.0)
        };
        let mut slots = integral.max(0.0) as u64;
        while slots > 0 && self.due(slots - 1) >= span {
            slots -= 1;
        }
        while self.due(slots) < span {
            slots += 1;
        }
        slots
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_steady_rate_is_evenly_spaced() {
        let schedule = Schedule::new(Rate(1000.0), Nanos::ZERO);
        assert_eq!(schedule.due(0), Nanos::ZERO);
        assert_eq!(schedule.due(1), Nanos::from_millis(1));
        assert_eq!(schedule.due(3_600_000), Nanos::from_secs(3600));
        assert_eq!(schedule.due_before(Nanos::from_secs(1)), 1000);
        assert_eq!(schedule.due_before(Nanos::ZERO), 0);
    }

    #[test]
    fn a_ramp_offers_half_the_rate_on_average() {
        let ramp = Nanos::from_secs(10);
        let schedule = Schedule::new(Rate(1000.0), ramp);
        assert_eq!(schedule.due_before(ramp), 5000);
        assert_eq!(schedule.due_before(ramp.plus(Nanos::from_secs(1))), 6000);
        assert_eq!(schedule.due_before(Nanos::from_secs(5)), 1250, "a quarter of the requests in the first half");
        let gap = schedule.due(5001).minus(schedule.due(5000));
        assert_eq!(gap, Nanos::from_millis(1), "the full rate where the ramp ends");
    }

    proptest! {
        #[test]
        fn counting_and_timing_agree(rate in 0.1f64..2e6, ramp_ms in 0u64..5_000, t_ns in 1u64..20_000_000_000) {
            let schedule = Schedule::new(Rate(rate), Nanos::from_millis(ramp_ms));
            let slots = schedule.due_before(Nanos(t_ns));
            prop_assert!(schedule.due(slots).0 >= t_ns);
            prop_assert!(slots == 0 || schedule.due(slots - 1).0 < t_ns);
        }

        #[test]
        fn due_times_never_decrease(rate in 0.1f64..2e6, ramp_ms in 0u64..5_000, slot in 0u64..10_000_000) {
            let schedule = Schedule::new(Rate(rate), Nanos::from_millis(ramp_ms));
            prop_assert!(schedule.due(slot) <= schedule.due(slot + 1));
        }
    }
}
