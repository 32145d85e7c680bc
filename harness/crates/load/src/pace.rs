//! Defines how the requests of a trial arrive, and computes when those of an open loop are due, as spans since the start of the trial. It uses no clock.
//!
//! The rate rises linearly from 0 to r over the ramp R, then stays. The number of requests due by t is its integral:
//! N(t) = r·t²/(2R) up to R, and r·(t − R/2) after it. A request at position x is due when N(t) = x, which solves to t = √(2R·x/r)
//! while x < r·R/2, and to t = x/r + R/2 from there on. Both give R at x = r·R/2. Slot i has the position i with constant arrivals; with
//! others, random positions replace the whole numbers.

use std::sync::{Mutex, PoisonError};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
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
        #[serde(default)]
        arrivals: Arrivals,
    },
    /// Closed loop: every virtual user sends its next request as soon as the last one was answered.
    Closed { vus: u64 },
}

/// How the requests of an open loop are spaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Evenly. A target that works in periods sees all requests at the same phase of its period.
    #[default]
    Constant,
    /// At a random instant of each period of the rate.
    Jittered,
    /// As a Poisson process, in which requests arrive independently of each other. Every 1,024 periods have as many requests, so that the
    /// rate is exact.
    Poisson,
}

impl Arrivals {
    pub const ALL: [Self; 3] = [Self::Jittered, Self::Constant, Self::Poisson];

    /// Returns the word in scenarios and reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Jittered => "jittered",
            Self::Poisson => "poisson",
        }
    }
}

impl Pace {
    /// Creates an open loop with evenly spaced requests.
    pub const fn constant(rate: Rate) -> Self {
        Self::Open { rate, arrivals: Arrivals::Constant }
    }
}

/// Number of slots whose positions are drawn at once.
const BLOCK: u64 = 1024;

/// The instants at which an open loop's requests are due.
#[derive(Debug)]
pub struct Schedule {
    per_ns: f64,
    ramp_ns: f64,
    arrivals: Arrivals,
    seed: u64,
    /// The positions that were drawn last.
    drawn: Mutex<Block>,
}

/// The positions of [`BLOCK`] slots, relative to the first.
#[derive(Debug, Default)]
struct Block {
    /// Absent before the first draw.
    number: Option<u64>,
    positions: Vec<f64>,
}

impl Schedule {
    /// Creates a schedule that reaches `rate` after `ramp`. Random arrivals depend only on `seed`.
    pub fn new(rate: Rate, ramp: Nanos, arrivals: Arrivals, seed: u64) -> Self {
        Self { per_ns: rate.0 / 1e9, ramp_ns: ramp.0 as f64, arrivals, seed, drawn: Mutex::default() }
    }

    /// Returns when slot `slot`, counted from 0, is due. Never decreases from one slot to the next.
    pub fn due(&self, slot: u64) -> Nanos {
        let position = self.position(slot);
        let rising = position < self.per_ns * self.ramp_ns / 2.0;
        let due = if rising {
            (2.0 * self.ramp_ns * position / self.per_ns).sqrt().min(self.ramp_ns)
        } else {
            position / self.per_ns + self.ramp_ns / 2.0
        };
        Nanos(due.round() as u64)
    }

    /// Returns the position of a slot: from 0, and one more per period of the rate on average.
    fn position(&self, slot: u64) -> f64 {
        if self.arrivals == Arrivals::Constant {
            return slot as f64;
        }
        let (number, place) = (slot / BLOCK, (slot % BLOCK) as usize);
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.number != Some(number) {
            *drawn = Block { number: Some(number), positions: self.draw(number) };
        }
        (number * BLOCK) as f64 + drawn.positions[place]
    }

    /// Draws the positions of a block. Those of a Poisson process with a known number of arrivals are independent and uniform.
    fn draw(&self, number: u64) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(number);
        let mut uniform = |below: f64| random.random_range(0.0..below);
        match self.arrivals {
            Arrivals::Poisson => {
                let mut positions: Vec<f64> = (0..BLOCK).map(|_| uniform(BLOCK as f64)).collect();
                positions.sort_by(f64::total_cmp);
                positions
            }
            _ => (0..BLOCK).map(|slot| slot as f64 + uniform(1.0)).collect(),
        }
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

    fn constant(rate: f64, ramp: Nanos) -> Schedule {
        Schedule::new(Rate(rate), ramp, Arrivals::Constant, 1)
    }

    fn gaps(arrivals: Arrivals, seed: u64) -> Vec<f64> {
        let schedule = Schedule::new(Rate(1000.0), Nanos::ZERO, arrivals, seed);
        let due = |slot| schedule.due(slot).as_millis_f64();
        (0..20 * BLOCK).map(|slot| due(slot + 1) - due(slot)).collect()
    }

    #[test]
    fn random_arrivals_have_the_spacing_of_their_distribution_and_depend_on_the_seed() {
        // Gaps between uniform instants of neighbouring periods have the variance 1/6; those of a Poisson process are exponential with
        // the variance 1. 20,480 gaps estimate both within 5 %.
        for (arrivals, variance) in [(Arrivals::Jittered, 1.0 / 6.0), (Arrivals::Poisson, 1.0)] {
            let gaps = gaps(arrivals, 7);
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let found = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            assert!((mean - 1.0).abs() < 1e-3, "{arrivals:?}: a mean gap of {mean} ms");
            assert!((found / variance - 1.0).abs() < 0.05, "{arrivals:?}: {found}, expected {variance}");
            assert_eq!(gaps, super::tests::gaps(arrivals, 7));
            assert_ne!(gaps, super::tests::gaps(arrivals, 8));
        }
        assert!(gaps(Arrivals::Constant, 7).iter().all(|gap| *gap == 1.0));
    }

    #[test]
    fn jittered_requests_stay_in_their_period() {
        let schedule = Schedule::new(Rate(1000.0), Nanos::ZERO, Arrivals::Jittered, 3);
        assert!((0..3 * BLOCK).all(|slot| schedule.due(slot).0 / 1_000_000 == slot));
    }

    #[test]
    fn a_steady_rate_is_evenly_spaced() {
        let schedule = constant(1000.0, Nanos::ZERO);
        assert_eq!(schedule.due(0), Nanos::ZERO);
        assert_eq!(schedule.due(1), Nanos::from_millis(1));
        assert_eq!(schedule.due(3_600_000), Nanos::from_secs(3600));
        assert_eq!(schedule.due_before(Nanos::from_secs(1)), 1000);
        assert_eq!(schedule.due_before(Nanos::ZERO), 0);
    }

    #[test]
    fn a_ramp_offers_half_the_rate_on_average() {
        let ramp = Nanos::from_secs(10);
        let schedule = constant(1000.0, ramp);
        assert_eq!(schedule.due_before(ramp), 5000);
        assert_eq!(schedule.due_before(ramp.plus(Nanos::from_secs(1))), 6000);
        assert_eq!(schedule.due_before(Nanos::from_secs(5)), 1250, "a quarter of the requests in the first half");
        let gap = schedule.due(5001).minus(schedule.due(5000));
        assert_eq!(gap, Nanos::from_millis(1), "the full rate where the ramp ends");
    }

    proptest! {
        #[test]
        fn counting_and_timing_agree(
            rate in 0.1f64..2e6, ramp_ms in 0u64..5_000, t_ns in 1u64..20_000_000_000, arrivals in 0usize..3,
        ) {
            let schedule = Schedule::new(Rate(rate), Nanos::from_millis(ramp_ms), Arrivals::ALL[arrivals], 5);
            let slots = schedule.due_before(Nanos(t_ns));
            prop_assert!(schedule.due(slots).0 >= t_ns);
            prop_assert!(slots == 0 || schedule.due(slots - 1).0 < t_ns);
        }

        #[test]
        fn due_times_never_decrease(
            rate in 0.1f64..2e6, ramp_ms in 0u64..5_000, slot in 0u64..10_000_000, arrivals in 0usize..3,
        ) {
            let schedule = Schedule::new(Rate(rate), Nanos::from_millis(ramp_ms), Arrivals::ALL[arrivals], 5);
            prop_assert!(schedule.due(slot) <= schedule.due(slot + 1));
        }
    }
}
