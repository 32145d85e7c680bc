//! The freeze: a window of time in which no request makes progress.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::truth::Freeze;
use crate::clock::{monotonic_ns, nanos};

/// Blocks every thread that polls a gated future inside the window, as a stopped world would.
#[derive(Debug)]
pub(crate) struct Gate {
    after_ns: u64,
    length_ns: u64,
    /// Monotonic instant of the first request; 0 before it.
    first_ns: AtomicU64,
    /// When the last blocked thread went on; 0 when none was blocked.
    resumed_ns: AtomicU64,
}

impl Gate {
    /// A gate that closes `after` the first request, for `length`; zero never closes.
    pub(crate) fn new(after: Duration, length: Duration) -> Self {
        Self {
            after_ns: nanos(after),
            length_ns: nanos(length),
            first_ns: AtomicU64::new(0),
            resumed_ns: AtomicU64::new(0),
        }
    }

    /// Starts the countdown at the first call.
    pub(crate) fn request(&self) {
        if self.length_ns > 0 && self.first_ns.load(Relaxed) == 0 {
            let _ = self.first_ns.compare_exchange(0, monotonic_ns(), Relaxed, Relaxed);
        }
    }

    /// Runs `future`, blocking its thread at every poll inside the window.
    pub(crate) async fn pass<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            self.hold();
            future.as_mut().poll(context)
        })
        .await
    }

    fn hold(&self) {
        let Some((start, end)) = self.window() else {
            return;
        };
        let now = monotonic_ns();
        if (start..end).contains(&now) {
            // Blocking the runtime's own thread is the fault that was asked for.
            std::thread::sleep(Duration::from_nanos(end - now));
            self.resumed_ns.fetch_max(monotonic_ns(), Relaxed);
        }
    }

    fn window(&self) -> Option<(u64, u64)> {
        if self.length_ns == 0 {
            return None;
        }
        let first = self.first_ns.load(Relaxed);
        (first > 0).then(|| {
            let start = first + self.after_ns;
            (start, start + self.length_ns)
        })
    }

    /// The freeze as far as it has happened.
    pub(crate) fn report(&self) -> Freeze {
        let now = monotonic_ns();
        let window = self.window().filter(|(start, _)| now >= *start);
        let resumed = self.resumed_ns.load(Relaxed);
        Freeze {
            started_ns: window.map(|(start, _)| start),
            ended_ns: window.map(|(_, end)| end.max(resumed)).filter(|end| now >= *end),
        }
    }
}
