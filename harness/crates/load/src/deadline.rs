//! A deadline that costs nothing while it is not reached.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use tokio::time::{Instant, Sleep};

/// A deadline for each request in turn. The sleep behind it stays where an earlier request put it, and is moved only when it
/// fires too early or would fire too late.
pub(super) struct Deadline {
    sleep: Pin<Box<Sleep>>,
    fires: Mono,
    until: Mono,
}

impl Deadline {
    /// Creates a deadline that has passed. Must be called within a runtime.
    pub(super) fn new() -> Self {
        Self { sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), fires: Mono(0), until: Mono(0) }
    }

    /// Sets the instant of the deadline.
    pub(super) fn set(&mut self, now: Mono, until: Mono) {
        self.until = until;
        // A sleep that fired must be reset before it is polled again; one that fires early enough can stay.
        if self.fires <= now || self.fires > until {
            self.restart(until.since(now));
        }
    }

    /// Returns whether the deadline has passed at `now`. Needs no timer, which does not fire while a task has more to read.
    pub(super) fn has_passed(&self, now: Mono) -> bool {
        now >= self.until
    }

    /// Returns `Ready` once the deadline has passed.
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
