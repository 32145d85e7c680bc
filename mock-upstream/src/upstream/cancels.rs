//! How streams ended: their last event was written, or their client went away before that, and when the upstream noticed it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use harness_base::clock::Mono;

/// The number of streams of each kind that are kept until they are asked for, which bounds the memory.
const MOST: usize = 1 << 16;

#[derive(Debug, Default)]
pub(crate) struct Cancels(Mutex<Ends>);

#[derive(Debug, Default)]
struct Ends {
    cancelled: VecDeque<Cancelled>,
    finished: VecDeque<u64>,
}

/// The answer of `/__upstream/cancelled`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CancelReport {
    /// Those since the last time they were asked for; the last 65,536, if there are more.
    pub cancelled: Vec<Cancelled>,
    /// The streams whose last event was written, since then.
    #[serde(default)]
    pub finished: Vec<u64>,
}

/// A stream whose client went away before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cancelled {
    /// As in the stamps of its events.
    pub stream: u64,
    /// When the upstream noticed it, by the monotonic clock of the host.
    pub at_ns: u64,
}

impl Cancels {
    /// Records that a stream has no client any more.
    pub(crate) fn record(&self, stream: u64) {
        let at_ns = Mono::now().0;
        keep(&mut self.ends().cancelled, Cancelled { stream, at_ns });
    }

    /// Records that the last event of a stream was written.
    pub(crate) fn finish(&self, stream: u64) {
        keep(&mut self.ends().finished, stream);
    }

    /// Takes what was recorded since the last call.
    pub(crate) fn take(&self) -> CancelReport {
        let Ends { cancelled, finished } = std::mem::take(&mut *self.ends());
        CancelReport { cancelled: cancelled.into(), finished: finished.into() }
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep<T>(kept: &mut VecDeque<T>, one: T) {
    if kept.len() == MOST {
        kept.pop_front();
    }
    kept.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_taken_once_and_bounded() {
        let cancels = Cancels::default();
        (0..MOST as u64 + 2).for_each(|stream| cancels.record(stream));
        cancels.finish(7);
        let CancelReport { cancelled: taken, finished } = cancels.take();
        assert_eq!((taken.len(), taken[0].stream, finished), (MOST, 2, vec![7]));
        assert!(taken.is_sorted_by_key(|cancelled| cancelled.at_ns));
        assert_eq!(cancels.take(), CancelReport { cancelled: Vec::new(), finished: Vec::new() });
    }
}
