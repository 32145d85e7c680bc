//! A deadline that costs nothing while it is not reached.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use tokio::time::{Instant, Sleep};

/// A deadline for each request in turn. The sleep behind it stays where an earlier request put it, and is moved only when it
/// fires too early or would fire too late.
pub(super) struct Deadline {
    sleep: Pin<Box<Sleep>>,
    /// The waker that the sleep has. Giving it the same one again costs more than comparing them.
    waker: Option<Waker>,
    fires: Mono,
    until: Mono,
}

impl Deadline {
    /// Creates a deadline that has passed. Must be called within a runtime.
    pub(super) fn new() -> Self {
        Self { sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), waker: None, fires: Mono(0), until: Mono(0) }
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
        let has_waker = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if has_waker && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            let left = self.until.remaining();
            if left == Nanos::ZERO {
                return Poll::Ready(());
            }
            self.restart(left);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn restart(&mut self, left: Nanos) {
        self.sleep.as_mut().reset(Instant::now() + left.duration());
        self.fires = Mono::now().after(left);
        self.waker = None;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_deadline_wakes_whichever_task_polled_it_last() {
        let mut deadline = Deadline::new();
        for _ in 0..3 {
            let begun = Mono::now();
            deadline.set(begun, begun.after(Nanos::from_millis(20)));
            // The first poll gives the sleep a waker, the second leaves it there, and the other task brings its own.
            for _ in 0..2 {
                assert!(poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await.is_pending());
            }
            deadline = tokio::spawn(async move {
                poll_fn(|cx| deadline.poll(cx)).await;
                deadline
            })
            .await
            .unwrap();
            assert!(Mono::now().since(begun) >= Nanos::from_millis(20));
        }
    }

    #[tokio::test]
    async fn a_later_deadline_moves_a_sleep_that_fires_too_early() {
        let mut deadline = Deadline::new();
        let begun = Mono::now();
        deadline.set(begun, begun.after(Nanos::from_millis(5)));
        assert!(poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await.is_pending());
        deadline.set(begun, begun.after(Nanos::from_millis(30)));
        poll_fn(|cx| deadline.poll(cx)).await;
        assert!(Mono::now().since(begun) >= Nanos::from_millis(30));
    }
}
