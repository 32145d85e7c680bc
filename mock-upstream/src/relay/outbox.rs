//! Packets that wait until they are due, in the order of their departure.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use harness_base::clock::Mono;
use tokio::sync::Notify;

/// A packet that departs at `due`.
#[derive(Debug)]
pub(crate) struct Packet<W> {
    pub(crate) bytes: Bytes,
    pub(crate) arrived: Mono,
    pub(crate) due: Mono,
    /// Where it goes.
    pub(crate) way: W,
}

/// The waiting packets of one direction.
#[derive(Debug)]
pub(crate) struct Outbox<W> {
    state: Mutex<State<W>>,
    changed: Notify,
}

#[derive(Debug)]
struct State<W> {
    waiting: BinaryHeap<Reverse<Numbered<W>>>,
    bytes: usize,
    next: u64,
}

/// A packet and its place in the order of arrival, which decides between packets that are due at the same time.
#[derive(Debug)]
struct Numbered<W> {
    number: u64,
    packet: Packet<W>,
}

impl<W> Default for Outbox<W> {
    fn default() -> Self {
        Self { state: Mutex::new(State { waiting: BinaryHeap::new(), bytes: 0, next: 0 }), changed: Notify::new() }
    }
}

impl<W> Outbox<W> {
    /// Returns how many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.state().bytes
    }

    pub(crate) fn push(&self, packet: Packet<W>) {
        let mut state = self.state();
        let is_first = state.waiting.peek().is_none_or(|Reverse(first)| packet.due < first.packet.due);
        let number = state.next;
        state.next += 1;
        state.bytes += packet.bytes.len();
        state.waiting.push(Reverse(Numbered { number, packet }));
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
    }

    /// Takes the first packet, if it is due at `now`.
    pub(crate) fn pop(&self, now: Mono) -> Option<Packet<W>> {
        let mut state = self.state();
        state.waiting.peek().filter(|Reverse(first)| first.packet.due <= now)?;
        let Reverse(Numbered { packet, .. }) = state.waiting.pop()?;
        state.bytes -= packet.bytes.len();
        Some(packet)
    }

    /// Waits for a packet, and returns when the first one is due.
    pub(crate) async fn next_due(&self) -> Mono {
        loop {
            let first = self.state().waiting.peek().map(|Reverse(first)| first.packet.due);
            match first {
                Some(due) => return due,
                None => self.changed().await,
            }
        }
    }

    /// Waits until another packet is the first one.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> PartialEq for Numbered<W> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<W> Eq for Numbered<W> {}

impl<W> PartialOrd for Numbered<W> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<W> Ord for Numbered<W> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.packet.due, self.number).cmp(&(other.packet.due, other.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_depart_when_they_are_due_and_else_in_the_order_of_their_arrival() {
        let outbox = Outbox::default();
        for (way, due) in [(0, 30), (1, 10), (2, 30), (3, 20)] {
            outbox.push(Packet { bytes: Bytes::from_static(b"ab"), arrived: Mono(0), due: Mono(due), way });
        }
        assert_eq!(outbox.bytes(), 8);
        assert!(outbox.pop(Mono(9)).is_none());
        let order: Vec<i32> = std::iter::from_fn(|| outbox.pop(Mono(30))).map(|packet| packet.way).collect();
        assert_eq!((order.as_slice(), outbox.bytes()), ([1, 3, 0, 2].as_slice(), 0));
    }
}
