//! A timer that wakes with microsecond precision. Tokio's own timer ticks in milliseconds, which would delay every request of
//! an open loop by half a millisecond on average. A timerfd wakes the same event loop and has no slack.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::clock::Mono;

/// A timer whose descriptor is opened on first use.
#[derive(Debug, Default)]
pub struct Timer(Option<AsyncFd<Descriptor>>);

/// A `TimerFd` that Tokio accepts.
#[derive(Debug)]
struct Descriptor(TimerFd);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Timer {
    /// Waits until `instant` and returns the instant of the wake-up. Falls back to Tokio's timer, which wakes later, when the
    /// process has no descriptor left.
    pub async fn until(&mut self, instant: Mono) -> Mono {
        if self.0.is_none() {
            self.0 = open().ok();
        }
        if let Some(timer) = &self.0
            && let Ok(woke) = wait(timer, instant).await
        {
            return woke;
        }
        tokio::time::sleep(instant.remaining().duration()).await;
        Mono::now()
    }

    /// Returns whether the timer holds a descriptor.
    pub const fn is_open(&self) -> bool {
        self.0.is_some()
    }
}

fn open() -> io::Result<AsyncFd<Descriptor>> {
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
    #[expect(deprecated, reason = "its successor is unsafe; a TimerFd keeps its descriptor for as long as it lives")]
    AsyncFd::with_interest(Descriptor(timer), Interest::READABLE)
}

/// Waits for the timer. It is never read: arming it again resets it, and the event loop is notified of each expiry
/// (edge-triggered), so an earlier expiry shows only as an early wake-up.
async fn wait(timer: &AsyncFd<Descriptor>, instant: Mono) -> io::Result<Mono> {
    let mut now = Mono::now();
    if now >= instant {
        return Ok(now);
    }
    let at = TimeSpec::from_duration(Duration::from_nanos(instant.0));
    timer.get_ref().0.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
    loop {
        timer.readable().await?.clear_ready();
        now = Mono::now();
        if now >= instant {
            return Ok(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

    #[tokio::test]
    async fn a_timer_never_wakes_early() {
        let mut timer = Timer::default();
        for micros in [0, 30, 500, 1_700] {
            let instant = Mono::now().after(Nanos::from_micros(micros));
            let woke = timer.until(instant).await;
            assert!(woke >= instant && woke <= Mono::now(), "{micros} µs");
        }
        assert!(timer.is_open());
    }
}
