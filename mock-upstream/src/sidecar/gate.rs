//! The freeze: a span of time in which no request makes progress.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// When the freeze began, and when the last blocked thread continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Freeze {
    pub started_ns: Option<u64>,
    pub ended_ns: Option<u64>,
}

/// Blocks every thread that polls a gated future during the freeze, like a stop-the-world pause.
#[derive(Debug)]
pub(crate) struct Gate {
    after: Nanos,
    length: Nanos,
    /// From the start of one freeze to the next; zero for a single freeze.
    every: Nanos,
    /// Monotonic instant of the first request; 0 before it.
    first_ns: AtomicU64,
    /// When the last blocked thread continued; 0 when none was blocked.
    resumed_ns: AtomicU64,
}

impl Gate {
    /// Creates a gate that closes `after` the first request, for `length`, and again `every` so often unless that is zero. A length of zero
    /// never closes it.
    pub(crate) fn new(after: Duration, length: Duration, every: Duration) -> Self {
        Self {
            after: Nanos::of(after),
            length: Nanos::of(length),
            every: Nanos::of(every),
            first_ns: AtomicU64::new(0),
            resumed_ns: AtomicU64::new(0),
        }
    }

    /// Starts the countdown at the first request.
    pub(crate) fn request(&self) {
        if self.length > Nanos::ZERO && self.first_ns.load(Relaxed) == 0 {
            let _ = self.first_ns.compare_exchange(0, Mono::now().0, Relaxed, Relaxed);
        }
    }

    /// Runs `future`, and blocks its thread at every poll during the freeze.
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
        let now = Mono::now();
        if (start..end).contains(&now) {
            // Blocking the runtime's thread is the purpose here.
            std::thread::sleep(end.since(now).duration());
            self.resumed_ns.fetch_max(Mono::now().0, Relaxed);
        }
    }

    /// Returns the present or the next freeze, or the last one.
    fn window(&self) -> Option<(Mono, Mono)> {
        if self.length == Nanos::ZERO {
            return None;
        }
        let first = self.first_ns.load(Relaxed);
        (first > 0).then(|| {
            let first = Mono(first).after(self.after);
            let passed = Mono::now().since(first).0.checked_div(self.every.0).unwrap_or(0);
            let start = first.after(self.every.times(passed));
            (start, start.after(self.length))
        })
    }

    /// Reports the freeze as far as it has happened.
    pub(crate) fn report(&self) -> Freeze {
        let now = Mono::now();
        let window = self.window().filter(|(start, _)| now >= *start);
        let resumed = self.resumed_ns.load(Relaxed);
        Freeze {
            started_ns: window.map(|(start, _)| start.0),
            ended_ns: window.map(|(_, end)| end.0.max(resumed)).filter(|end| now.0 >= *end),
        }
    }
}
