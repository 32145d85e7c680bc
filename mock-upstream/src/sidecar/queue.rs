//! One queue for all requests: each has its turn after the one before it, first come, first served.

use std::sync::{Mutex, PoisonError};

use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// A server with a single place. Turns are at least `spacing` apart, so it serves at most 1 ÷ spacing requests per second, and the other
/// requests wait. A request that comes after a pause is served at once, and the pause is not saved for later.
#[derive(Debug)]
pub(crate) struct Queue {
    spacing: Nanos,
    /// When the next turn can begin.
    free: Mutex<Mono>,
}

/// The turn of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) begins: Mono,
    /// When the next turn can begin.
    pub(crate) ends: Mono,
}

impl Queue {
    /// Creates a queue without requests.
    pub(crate) fn new(spacing: Nanos) -> Self {
        Self { spacing, free: Mutex::new(Mono(0)) }
    }

    /// Returns the turn of a request that arrived at `arrival`.
    pub(crate) fn enter(&self, arrival: Mono) -> Turn {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = arrival.max(*free);
        *free = begins.after(self.spacing);
        Turn { begins, ends: *free }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_each_other_and_pauses_are_not_saved() {
        let queue = Queue::new(Nanos(100));
        let begins = |arrival| queue.enter(Mono(arrival)).begins.0;
        assert_eq!([1_000, 1_000, 1_050, 1_199].map(begins), [1_000, 1_100, 1_200, 1_300]);
        assert_eq!([5_000, 5_001].map(begins), [5_000, 5_100]);
        assert_eq!(queue.enter(Mono(9_000)), Turn { begins: Mono(9_000), ends: Mono(9_100) });
    }
}
