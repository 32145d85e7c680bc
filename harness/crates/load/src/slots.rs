//! The slots of an open loop that this generator takes, and who has claimed how many.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::pace::Schedule;
use super::stripe::Stripe;
use harness_base::units::Nanos;

/// The slots of an open loop, which are computed from their number and not stored. Those of this generator are numbered from 0; all
/// generators compute the same schedule and take different slots of it.
pub(super) struct Slots {
    schedule: Schedule,
    stripe: Stripe,
    /// The number of own slots before the window.
    pub(super) before: u64,
    /// The number of own slots up to the end of the window.
    pub(super) all: u64,
    next: AtomicU64,
}

impl Slots {
    /// Creates the slots of a share of `schedule`, which has `before` slots before the window, and `all` up to its end.
    pub(super) fn new(schedule: Schedule, stripe: Stripe, (before, all): (u64, u64)) -> Self {
        Self { schedule, stripe, before: stripe.share(before), all: stripe.share(all), next: AtomicU64::new(0) }
    }

    /// Returns when an own slot is due.
    pub(super) fn due(&self, slot: u64) -> Nanos {
        self.schedule.due(self.stripe.global(slot))
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
    use proptest::prelude::*;

    use super::*;
    use crate::pace::Arrivals;
    use harness_base::units::Rate;

    fn slots(before: u64, all: u64) -> Slots {
        let schedule = Schedule::new(Rate(100.0), Nanos::ZERO, Arrivals::Constant, 0);
        Slots::new(schedule, Stripe::WHOLE, (before, all))
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

    /// Claims all slots, `most` at a time, and returns when each is due, and whether that is before the window.
    fn claim_all(slots: &Slots, most: u64) -> Vec<(Nanos, bool)> {
        let mut due = Vec::new();
        loop {
            let (first, number) = slots.claim(most);
            if first >= slots.all {
                return due;
            }
            due.extend((first..first + number).map(|slot| (slots.due(slot), slot < slots.before)));
        }
    }

    proptest! {
        #[test]
        fn the_slots_of_all_generators_are_those_of_one(
            rate in 1.0f64..5_000.0,
            ramp_ms in 0u64..500,
            (warmup_ms, window_ms) in (0u64..300, 1u64..500),
            of in 1u64..=64,
            most in 1u64..6,
            arrivals in 0usize..3,
        ) {
            let (ramp, lead) = (Nanos::from_millis(ramp_ms), Nanos::from_millis(ramp_ms + warmup_ms));
            let of_one = |stripe| {
                let schedule = Schedule::new(Rate(rate), ramp, Arrivals::ALL[arrivals], 11);
                let before = schedule.due_before(lead);
                let all = schedule.due_before(lead.plus(Nanos::from_millis(window_ms)));
                Slots::new(schedule, stripe, (before, all))
            };
            let whole = of_one(Stripe::WHOLE);
            let expected = claim_all(&whole, 1);
            prop_assert_eq!(expected.len() as u64, whole.all);
            prop_assert!(expected.iter().all(|(due, before)| (*due < lead) == *before));
            let parts: Vec<Slots> = (0..of).map(|index| of_one(Stripe { index, of })).collect();
            let claimed: Vec<Vec<(Nanos, bool)>> = parts.iter().map(|part| claim_all(part, most)).collect();
            for (slot, expected) in expected.iter().enumerate() {
                let (part, place) = (slot % of as usize, slot / of as usize);
                prop_assert_eq!(claimed[part].get(place), Some(expected), "slot {}", slot);
            }
            prop_assert_eq!(claimed.iter().map(Vec::len).sum::<usize>(), expected.len());
            let in_window = parts.iter().map(Slots::claimed).sum::<u64>();
            prop_assert_eq!(in_window, whole.all - whole.before);
            prop_assert!(parts.iter().all(|part| part.claimed() == part.all - part.before));
        }
    }
}
