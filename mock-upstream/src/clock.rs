//! Delays and CPU use of an exact length.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use harness_base::clock::{Mono, thread_cpu};
use harness_base::timer::Timer;
use harness_base::units::Nanos;

/// The end of each delay is spun, because a timer wakes tens of microseconds late.
const SPIN: Nanos = Nanos::from_micros(100);

/// Uses `cpu` of CPU time on the calling thread and returns the CPU time that was really used.
///
/// The thread's own CPU clock decides, so preemption does not shorten it. It is not inlined, so that profiles contain it.
#[inline(never)]
pub fn burn(cpu: Nanos) -> Nanos {
    let start = thread_cpu();
    let end = start.plus(cpu);
    loop {
        for _ in 0..64 {
            std::hint::spin_loop();
        }
        let now = thread_cpu();
        if now >= end {
            return now.minus(start);
        }
    }
}

/// Returns how long `bytes` take at a rate of at least one byte per second.
pub(crate) fn span_at(bytes: u64, bytes_per_second: usize) -> Duration {
    Duration::from_secs_f64(bytes as f64 / bytes_per_second.max(1) as f64)
}

/// Sleeps with microsecond precision: a timer for most of the time, then a yielding spin for the last 100 µs.
///
/// The descriptor of the timer is opened once.
#[derive(Debug, Default)]
pub struct Sleeper {
    timer: Timer,
}

impl Sleeper {
    /// Sleeps for at least `duration` and returns the real length. A duration of zero uses no timer.
    pub async fn sleep(&mut self, duration: Duration) -> Nanos {
        if duration.is_zero() {
            return Nanos::ZERO;
        }
        let start = Mono::now();
        self.sleep_until(start.after(Nanos::of(duration))).await;
        Mono::now().since(start)
    }

    /// Sleeps until the monotonic clock reaches `deadline`.
    pub async fn sleep_until(&mut self, deadline: Mono) {
        if deadline.remaining() > SPIN {
            self.timer.until(Mono(deadline.0.saturating_sub(SPIN.0))).await;
        }
        // Yielding lets the other connections of this thread finish their own spins on time.
        while Mono::now() < deadline {
            tokio::task::yield_now().await;
        }
    }
}

/// The sleepers of one connection. Requests that sleep at the same time have one each, and it is kept for those after them.
#[derive(Debug, Default)]
pub(crate) struct Sleepers(Mutex<Vec<Sleeper>>);

impl Sleepers {
    /// Sleeps like [`Sleeper::sleep`].
    pub(crate) async fn sleep(&self, duration: Duration) -> Nanos {
        if duration.is_zero() {
            return Nanos::ZERO;
        }
        let start = Mono::now();
        self.sleep_until(start.after(Nanos::of(duration))).await;
        Mono::now().since(start)
    }

    /// Sleeps like [`Sleeper::sleep_until`].
    pub(crate) async fn sleep_until(&self, deadline: Mono) {
        let mut sleeper = self.idle().pop().unwrap_or_default();
        sleeper.sleep_until(deadline).await;
        self.idle().push(sleeper);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Sleeper>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleep_is_never_short_and_returns_its_real_length() {
        let mut sleeper = Sleeper::default();
        for micros in [30, 500, 1_700] {
            let asked = Duration::from_micros(micros);
            let before = Mono::now();
            let slept = sleeper.sleep(asked).await;
            let outside = Mono::now().since(before);
            assert!(slept >= Nanos::of(asked) && slept <= outside, "{micros} µs: {slept:?} of {outside:?}");
        }
    }

    #[tokio::test]
    async fn a_sleep_of_zero_uses_no_timer() {
        let mut sleeper = Sleeper::default();
        assert_eq!(sleeper.sleep(Duration::ZERO).await, Nanos::ZERO);
        assert!(!sleeper.timer.is_open());
    }

    #[tokio::test]
    async fn sleeps_at_the_same_time_do_not_add_up() {
        let sleepers = Sleepers::default();
        let asked = Duration::from_millis(200);
        let before = Mono::now();
        let slept = tokio::join!(sleepers.sleep(asked), sleepers.sleep(asked), sleepers.sleep(asked));
        let outside = Mono::now().since(before);
        assert!(slept.0.min(slept.1).min(slept.2) >= Nanos::of(asked));
        assert!(outside < Nanos::of(2 * asked), "one after the other they would take 600 ms: {outside:?}");
        sleepers.sleep(Duration::from_micros(200)).await;
        assert_eq!(sleepers.idle().len(), 3, "an idle one is used again");
    }

    #[test]
    fn burning_is_measured_on_the_cpu_clock() {
        let before = thread_cpu();
        let burned = burn(Nanos::from_millis(3));
        let outside = thread_cpu().minus(before);
        assert!(burned >= Nanos::from_millis(3) && burned <= outside, "{burned:?} of {outside:?}");
    }
}
