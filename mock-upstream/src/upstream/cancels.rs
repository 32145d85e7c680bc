//! Streams whose client went away before their end, and when the upstream noticed it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use harness_base::clock::Mono;

/// The number of streams that are kept until they are asked for, which bounds the memory.
const MOST: usize = 1 << 16;

#[derive(Debug, Default)]
pub(crate) struct Cancels(Mutex<VecDeque<Cancelled>>);

/// The answer of `/__upstream/cancelled`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CancelReport {
    /// Those since the last time they were asked for; the last 65,536, if there are more.
    pub cancelled: Vec<Cancelled>,
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
        let mut cancelled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cancelled.len() == MOST {
            cancelled.pop_front();
        }
        cancelled.push_back(Cancelled { stream, at_ns });
    }

    /// Takes what was recorded since the last call.
    pub(crate) fn take(&self) -> CancelReport {
        let cancelled = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        CancelReport { cancelled: cancelled.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_taken_once_and_bounded() {
        let cancels = Cancels::default();
        (0..MOST as u64 + 2).for_each(|stream| cancels.record(stream));
        let taken = cancels.take().cancelled;
        assert_eq!((taken.len(), taken[0].stream), (MOST, 2));
        assert!(taken.is_sorted_by_key(|cancelled| cancelled.at_ns) && cancels.take().cancelled.is_empty());
    }
}
