//! The slots of an open loop, and who has claimed how many.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::pace::Schedule;

/// The slots of an open loop, which are computed from their number and not stored.
pub(super) struct Slots {
    pub(super) schedule: Schedule,
    /// The number of slots before the window.
    pub(super) before: u64,
    /// The number of slots up to the end of the window.
    pub(super) all: u64,
    next: AtomicU64,
}

impl Slots {
    pub(super) const fn new(schedule: Schedule, before: u64, all: u64) -> Self {
        Self { schedule, before, all, next: AtomicU64::new(0) }
    }

    /// Claims up to `most` slots. Returns the first and their number. Those before the window and those in it are never claimed together, so
    /// that all of them are due where they are counted.
    pub(super) fn claim(&self, most: u64) -> (u64, u64) {
        if most <= 1 {
            return (self.next.fetch_add(1, Relaxed), 1);
        }
        let share = |slot: u64| {
            let end = if slot < self.before { self.before } else { self.all };
            end.saturating_sub(slot).clamp(1, most)
        };
        // The closure always returns a value, so both results are the slot before.
        let claimed = self.next.fetch_update(Relaxed, Relaxed, |slot| Some(slot + share(slot)));
        let (Ok(slot) | Err(slot)) = claimed;
        (slot, share(slot))
    }

    /// Returns how many slots of the window were claimed.
    pub(super) fn claimed(&self) -> u64 {
        self.next.load(Relaxed).clamp(self.before, self.all) - self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Arrivals;
    use harness_base::units::{Nanos, Rate};

    fn slots(before: u64, all: u64) -> Slots {
        Slots::new(Schedule::new(Rate(100.0), Nanos::ZERO, Arrivals::Constant, 0), before, all)
    }

    #[test]
    fn slots_that_are_claimed_together_are_all_before_the_window_or_all_in_it() {
        let slots = slots(5, 12);
        let claims: Vec<_> = (0..6).map(|_| slots.claim(4)).collect();
        assert_eq!(claims, [(0, 4), (4, 1), (5, 4), (9, 3), (12, 1), (13, 1)]);
        assert_eq!(slots.claimed(), 7);
    }

    #[test]
    fn single_claims_go_on_where_others_ended() {
        let slots = slots(0, 10);
        assert_eq!([slots.claim(1), slots.claim(3), slots.claim(1)], [(0, 1), (1, 3), (4, 1)]);
        assert_eq!(slots.claimed(), 5);
    }
}
