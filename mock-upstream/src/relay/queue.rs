//! What one direction of a connection holds until it is due.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use harness_base::clock::Mono;
use tokio::sync::Notify;

/// Something that travels in one direction, in the order of its arrival.
#[derive(Debug)]
pub(crate) enum Item {
    Chunk(Bytes),
    /// The end of the stream.
    End,
    /// The sender reset the connection.
    Reset,
}

/// An item, its arrival, and when it departs.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) item: Item,
    pub(crate) arrived: Mono,
    pub(crate) due: Mono,
}

/// A queue that one task fills and another one empties.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Notify,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Due>,
    bytes: usize,
}

impl Queue {
    /// Waits until fewer than `most` bytes are held.
    pub(crate) async fn room(&self, most: usize) {
        while self.state().bytes >= most {
            self.emptied.notified().await;
        }
    }

    pub(crate) fn push(&self, due: Due) {
        let mut state = self.state();
        if let Item::Chunk(bytes) = &due.item {
            state.bytes += bytes.len();
        }
        state.items.push_back(due);
        drop(state);
        self.filled.notify_one();
    }

    /// Takes the next item, which still counts as held until it is [`Queue::passed`].
    pub(crate) async fn next(&self) -> Due {
        loop {
            let next = self.state().items.pop_front();
            match next {
                Some(due) => return due,
                None => self.filled.notified().await,
            }
        }
    }

    /// Makes room for what was taken and passed on.
    pub(crate) fn passed(&self, bytes: usize) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(bytes);
        drop(state);
        self.emptied.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
