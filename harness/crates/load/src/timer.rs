//! Waiting: to the microsecond for what is measured, to the millisecond for what only bounds.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, Sleep};

use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// A timer of the kernel. tokio's own timer counts in milliseconds, which would delay every request of an open loop by half
/// of one on average; a timerfd wakes the same event loop and has no slack.
struct Alarm(AsyncFd<Timer>);

/// A `TimerFd` that tokio accepts.
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Alarm {
    /// A timer on `CLOCK_MONOTONIC`.
    fn new() -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe; a TimerFd keeps its descriptor for as long as it lives"
        )]
        AsyncFd::with_interest(Timer(timer), Interest::READABLE).map(Self)
    }

    /// Waits until `instant`; gives the instant at which it woke. The timer is never read: arming it again resets it, and the
    /// event loop is told of each expiry (edge-triggered), so a stale one shows only as waking early.
    async fn until(&self, instant: Mono) -> io::Result<Mono> {
        let mut now = Mono::now();
        if now >= instant {
            return Ok(now);
        }
        let at = TimeSpec::from_duration(Duration::from_nanos(instant.0));
        self.0.get_ref().0.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        loop {
            self.0.readable().await?.clear_ready();
            now = Mono::now();
            if now >= instant {
                return Ok(now);
            }
        }
    }
}

/// A user's alarm, made when it is first needed.
#[derive(Default)]
pub(super) struct Clock(Option<Alarm>);

impl Clock {
    /// Waits until `instant`; gives the instant at which it woke. Without descriptors left for a timer a user waits on the
    /// coarse one, which shows as pacer lag.
    pub(super) async fn until(&mut self, instant: Mono) -> Mono {
        if self.0.is_none() {
            self.0 = Alarm::new().ok();
        }
        if let Some(alarm) = &self.0
            && let Ok(woke) = alarm.until(instant).await
        {
            return woke;
        }
        tokio::time::sleep(instant.remaining().duration()).await;
        Mono::now()
    }
}

/// A bound on waiting that costs nothing while it is not reached: the sleep behind it is left where an earlier request put it,
/// and moved only when it fires too early or would fire too late.
pub(super) struct Patience {
    sleep: Pin<Box<Sleep>>,
    fires: Mono,
    until: Mono,
}

impl Patience {
    /// Patience that has run out. To be called within a runtime.
    pub(super) fn new() -> Self {
        Self { sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), fires: Mono(0), until: Mono(0) }
    }

    /// Sets the instant at which it runs out.
    pub(super) fn set(&mut self, now: Mono, until: Mono) {
        self.until = until;
        // A sleep that fired must be moved before it is polled again; one that fires early enough can stay.
        if self.fires <= now || self.fires > until {
            self.restart(until.since(now));
        }
    }

    /// Ready once it has run out.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.sleep.as_mut().poll(cx).is_ready() {
            let left = self.until.remaining();
            if left == Nanos::ZERO {
                return Poll::Ready(());
            }
            self.restart(left);
        }
        Poll::Pending
    }

    fn restart(&mut self, left: Nanos) {
        self.sleep.as_mut().reset(Instant::now() + left.duration());
        self.fires = Mono::now().after(left);
    }
}
