//! Delays and CPU use of an exact length.

use std::time::Duration;

use harness_base::clock::{Mono, thread_cpu};
use harness_base::timer::Timer;
use harness_base::units::Nanos;

/// The end of each delay is spun, because a timer wakes tens of microseconds late.
const SPIN: Nanos = Nanos::from_micros(100);

/// Uses `cpu` of CPU time on the calling thread and returns the CPU time that was really used.
///
/// The thread's own CPU clock decides, so preemption does not shorten it.
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

/// Sleeps with microsecond precision: a timer for most of the time, then a yielding spin for the last 100 µs.
///
/// Each connection has its own sleeper, so the descriptor of the timer is opened once.
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

    #[test]
    fn burning_is_measured_on_the_cpu_clock() {
        let before = thread_cpu();
        let burned = burn(Nanos::from_millis(3));
        let outside = thread_cpu().minus(before);
        assert!(burned >= Nanos::from_millis(3) && burned <= outside, "{burned:?} of {outside:?}");
    }
}
