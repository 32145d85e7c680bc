//! One direction of a --listen: decides when what arrives departs.

use std::sync::{Mutex, PoisonError};

use harness_base::clock::Mono;
use harness_base::timer::Timer;
use harness_base::units::Nanos;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::counts::DirectionCounts;
use super::impairment::Impairment;

/// A timer wakes tens of microseconds late, so it is set this much earlier, and the rest is spun. Half of the lateness of the usual timer
/// would be added to each direction otherwise.
const EARLY: Nanos = Nanos::from_micros(70);

/// Bytes that may be under way in one direction of a connection without a limit of the bandwidth.
const UNLIMITED: usize = 4 << 20;
/// Bytes that may wait for their turn on a line with limited bandwidth, in addition to those under way on it.
const WAITING: usize = 256 << 10;

/// The largest and the smallest chunk that is read from a connection.
pub(crate) const CHUNK: usize = 16 << 10;
const SMALLEST_CHUNK: usize = 1448;
/// A chunk arrives as a whole, so it is no longer than what the line carries in this time.
const CHUNK_SPAN: Nanos = Nanos::from_millis(1);

/// One direction of a --listen.
#[derive(Debug)]
pub(crate) struct Line {
    impairment: Impairment,
    /// When the relay started, from which stalls are counted.
    start: Mono,
    state: Mutex<State>,
    pub(crate) counts: DirectionCounts,
}

#[derive(Debug)]
struct State {
    /// When the line has carried everything that arrived so far.
    free: Mono,
    random: ChaCha8Rng,
}

/// What happens to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) lost: bool,
    pub(crate) duplicated: bool,
    pub(crate) reordered: bool,
}

impl Line {
    /// Creates the line `number` of a relay; each has random numbers of its own.
    pub(crate) fn new(impairment: &Impairment, start: Mono, number: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(impairment.seed);
        random.set_stream(number);
        let state = Mutex::new(State { free: Mono(0), random });
        Self { impairment: impairment.clone(), start, state, counts: DirectionCounts::default() }
    }

    /// Returns when so many bytes depart that arrived at `arrived`, after all that arrived earlier have entered the line.
    pub(crate) fn due(&self, bytes: usize, arrived: Mono) -> Mono {
        let Impairment { delay, jitter, bandwidth, stall, .. } = self.impairment;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entered = arrived;
        if bandwidth.is_some() {
            entered = entered.max(state.free);
        }
        if let Some(stall) = stall {
            entered = stall.passed(self.start, entered);
        }
        let carried = bandwidth.map_or(entered, |rate| entered.after(rate.span(bytes as u64)));
        state.free = carried;
        if jitter == Nanos::ZERO {
            return carried.after(delay);
        }
        let jittered = state.random.random_range(delay.minus(jitter).0..=delay.plus(jitter).0);
        carried.after(Nanos(jittered))
    }

    /// Draws what happens to the next packet. Each draw is independent of the others.
    pub(crate) fn fate(&self) -> Fate {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut happens = |share: f64| share > 0.0 && state.random.random::<f64>() < share;
        Fate {
            lost: happens(self.impairment.loss),
            duplicated: happens(self.impairment.duplicate),
            reordered: happens(self.impairment.reorder),
        }
    }

    /// Draws whether the next connection is reset, and returns after how many bytes.
    pub(crate) fn reset_after(&self) -> Option<u64> {
        let reset = self.impairment.reset?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.random.random::<f64>() < reset.share).then_some(reset.after.0)
    }

    /// Returns how much longer a packet is held that others overtake.
    pub(crate) const fn held(&self) -> Nanos {
        self.impairment.reorder_by
    }

    /// Returns how many bytes may be under way at the same time: of one connection, or of all packets.
    pub(crate) fn room(&self) -> usize {
        let Impairment { delay, jitter, bandwidth, .. } = self.impairment;
        bandwidth.map_or(UNLIMITED, |rate| {
            let flying = delay.plus(jitter).as_secs_f64() * rate.0 as f64 / 8.0;
            WAITING + flying as usize
        })
    }

    /// Returns the size of the chunks in which a connection is read.
    pub(crate) fn chunk(&self) -> usize {
        let limited = self.impairment.bandwidth.map(|rate| (CHUNK_SPAN.as_secs_f64() * rate.0 as f64 / 8.0) as usize);
        limited.map_or(CHUNK, |bytes| bytes.clamp(SMALLEST_CHUNK, CHUNK))
    }
}

/// Waits until `due`, and lets other tasks run meanwhile.
pub(crate) async fn until(timer: &mut Timer, due: Mono) {
    if due.remaining() > EARLY {
        timer.until(Mono(due.0.saturating_sub(EARLY.0))).await;
    }
    while Mono::now() < due {
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::impairment::Stall;
    use super::*;
    use harness_base::units::BitRate;

    fn line(change: impl FnOnce(&mut Impairment)) -> Line {
        let mut impairment = Impairment {
            delay: Nanos(1_000),
            jitter: Nanos::ZERO,
            bandwidth: None,
            stall: None,
            reset: None,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            reorder_by: Nanos::ZERO,
            seed: 7,
        };
        change(&mut impairment);
        Line::new(&impairment, Mono(0), 0)
    }

    #[test]
    fn chunks_follow_each_other_at_the_bandwidth_and_are_then_delayed() {
        // A byte takes 10 ns.
        let line = line(|impairment| impairment.bandwidth = Some(BitRate(800_000_000)));
        assert_eq!(line.due(100, Mono(5_000)), Mono(7_000));
        assert_eq!(line.due(100, Mono(5_000)), Mono(8_000), "the first byte waits for the last one before");
        assert_eq!(line.due(10, Mono(9_000)), Mono(10_100), "an idle line saves nothing up");
        assert_eq!(line.chunk(), CHUNK);
    }

    #[test]
    fn a_slow_line_is_read_in_small_chunks_and_holds_little() {
        let slow = line(|impairment| {
            impairment.bandwidth = Some(BitRate(10_000_000));
            impairment.delay = Nanos::from_millis(80);
        });
        assert_eq!((slow.chunk(), slow.room()), (SMALLEST_CHUNK, WAITING + 100_000));
        assert_eq!(line(|_| ()).room(), UNLIMITED);
    }

    #[test]
    fn jitter_is_uniform_around_the_delay() {
        let line = line(|impairment| impairment.jitter = Nanos(500));
        let draws: Vec<u64> = (0..10_000).map(|_| line.due(1, Mono(0)).0).collect();
        let mean = draws.iter().sum::<u64>() as f64 / 10_000.0;
        assert!(draws.iter().all(|due| (500..=1_500).contains(due)));
        // The standard deviation of the mean is 1000/√12/√10000 = 2.9.
        assert!((mean - 1_000.0).abs() < 12.0, "{mean}");
    }

    #[test]
    fn nothing_enters_the_line_in_a_stall() {
        let line = line(|impairment| impairment.stall = Some(Stall { every: Nanos(10_000), span: Nanos(3_000) }));
        assert_eq!(line.due(1, Mono(11_000)), Mono(14_000));
        assert_eq!(line.due(1, Mono(13_000)), Mono(14_000));
    }

    #[test]
    fn each_line_has_its_own_draws_and_the_same_ones_every_time() {
        let lossy = |number| {
            let lossy = line(|impairment| impairment.loss = 0.3);
            let line = Line::new(&lossy.impairment, Mono(0), number);
            (0..1_000).map(|_| line.fate().lost).collect::<Vec<bool>>()
        };
        assert_eq!(lossy(1), lossy(1));
        assert_ne!(lossy(1), lossy(2));
        let lost = lossy(1).iter().filter(|lost| **lost).count();
        // Four standard deviations of a binomial number.
        assert!((lost as f64 - 300.0).abs() < 4.0 * (1_000.0_f64 * 0.3 * 0.7).sqrt(), "{lost}");
    }
}
