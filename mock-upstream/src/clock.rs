//! The clocks the truth is told by, and a delay that ends when it says it does.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId as TimerClock, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId, clock_gettime};
use tokio::io::unix::AsyncFd;

/// A timer wakes tens of microseconds late: this much before the end the rest is spun, in nanoseconds.
const SPIN_NS: u64 = 100_000;

/// `CLOCK_MONOTONIC` in nanoseconds: comparable between all processes of this host.
#[must_use]
pub fn monotonic_ns() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// CPU time of the calling thread, user and system, in nanoseconds.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

fn read(clock: ClockId) -> u64 {
    // Linux always has both clocks, and neither is ever negative.
    clock_gettime(clock).map_or(0, |t| (t.tv_sec() as u64) * 1_000_000_000 + t.tv_nsec() as u64)
}

/// A duration in nanoseconds; 584 years are enough.
#[must_use]
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Burns `cpu` of CPU time on the calling thread and returns what it really burned, in nanoseconds.
///
/// Measured against the thread's own CPU clock, so being preempted does not shorten it.
pub fn burn(cpu: Duration) -> u64 {
    let start = thread_cpu_ns();
    let end = start.saturating_add(nanos(cpu));
    loop {
        for _ in 0..64 {
            std::hint::spin_loop();
        }
        let now = thread_cpu_ns();
        if now >= end {
            return now - start;
        }
    }
}

/// Sleeps with microsecond precision: a timerfd for the bulk, then a yielding spin for the last 100 µs.
///
/// Tokio's own timer ticks in milliseconds. One sleeper serves one connection, so the descriptor is made once.
#[derive(Debug, Default)]
pub struct Sleeper {
    timer: Option<AsyncFd<Timer>>,
}

#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Sleeper {
    /// Sleeps at least `duration` and returns how long it really was, in nanoseconds. Zero touches no timer.
    pub async fn sleep(&mut self, duration: Duration) -> u64 {
        if duration.is_zero() {
            return 0;
        }
        let start = monotonic_ns();
        self.sleep_until(start.saturating_add(nanos(duration))).await;
        monotonic_ns() - start
    }

    /// Sleeps until the monotonic clock reads `deadline_ns`.
    pub async fn sleep_until(&mut self, deadline_ns: u64) {
        let coarse = deadline_ns.saturating_sub(SPIN_NS);
        if monotonic_ns() < coarse && self.wait_timer(coarse).await.is_err() {
            // Out of descriptors, as a leaking sidecar will be: tokio's timer needs none, and errs by going on late.
            let left = coarse.saturating_sub(monotonic_ns());
            tokio::time::sleep(Duration::from_nanos(left)).await;
        }
        // Yielding lets the other connections of this thread finish their own spins on time.
        while monotonic_ns() < deadline_ns {
            tokio::task::yield_now().await;
        }
    }

    async fn wait_timer(&mut self, deadline_ns: u64) -> std::io::Result<()> {
        let timer = match &mut self.timer {
            Some(timer) => timer,
            none => none.insert(new_timer()?),
        };
        timer.get_ref().0.set(
            Expiration::OneShot(TimeSpec::from_duration(Duration::from_nanos(deadline_ns))),
            TimerSetTimeFlags::TFD_TIMER_ABSTIME,
        )?;
        loop {
            let mut ready = timer.readable().await?;
            let expired = ready.try_io(|timer| {
                nix::unistd::read(timer.get_ref().0.as_fd(), &mut [0_u8; 8])?;
                Ok(())
            });
            if let Ok(result) = expired {
                ready.clear_ready();
                return result;
            }
        }
    }
}

#[allow(
    deprecated,
    reason = "its successor is an unsafe function because a foreign type could close its descriptor; Timer owns its own"
)]
fn new_timer() -> std::io::Result<AsyncFd<Timer>> {
    let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
    let timer = TimerFd::new(TimerClock::CLOCK_MONOTONIC, flags)?;
    AsyncFd::with_interest(Timer(timer), tokio::io::Interest::READABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleep_is_never_short_and_tells_its_real_length() {
        let mut sleeper = Sleeper::default();
        for micros in [30, 500, 1_700] {
            let asked = Duration::from_micros(micros);
            let before = monotonic_ns();
            let told = sleeper.sleep(asked).await;
            let outside = monotonic_ns() - before;
            assert!(told >= nanos(asked) && told <= outside, "{micros} µs: {told} of {outside}");
        }
    }

    #[tokio::test]
    async fn zero_sleeps_touch_no_timer() {
        let mut sleeper = Sleeper::default();
        assert_eq!(sleeper.sleep(Duration::ZERO).await, 0);
        assert!(sleeper.timer.is_none());
    }

    #[test]
    fn burning_is_measured_on_the_cpu_clock() {
        let before = thread_cpu_ns();
        let told = burn(Duration::from_millis(3));
        let outside = thread_cpu_ns() - before;
        assert!(told >= 3_000_000 && told <= outside, "{told} of {outside}");
    }
}
