//! Defines which share of the slots and users of a job each of several generators takes.

use serde::{Deserialize, Serialize};

/// Which share one generator of several takes: what has a number that is `index` modulo `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stripe {
    /// From 0.
    pub index: u64,
    /// How many generators there are.
    pub of: u64,
}

impl Default for Stripe {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl Stripe {
    /// The share of a generator that is alone: all.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Returns how many of `total` it takes. The shares of all generators add up to the total.
    pub fn share(self, total: u64) -> u64 {
        let of = self.of.max(1);
        total / of + u64::from(self.index < total % of)
    }

    /// Returns the number among all of what is number `own` in this share, both counted from 0.
    pub const fn global(self, own: u64) -> u64 {
        self.index.saturating_add(own.saturating_mul(self.of))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shares_add_up_and_differ_by_at_most_one(total in any::<u64>(), of in 1u64..=64) {
            let shares: Vec<u64> = (0..of).map(|index| Stripe { index, of }.share(total)).collect();
            prop_assert_eq!(shares.iter().map(|share| u128::from(*share)).sum::<u128>(), u128::from(total));
            prop_assert!(shares.iter().all(|share| share.abs_diff(total / of) <= 1));
            prop_assert_eq!(Stripe::WHOLE.share(total), total);
        }

        #[test]
        fn every_number_belongs_to_one_share(total in 0u64..5_000, of in 1u64..=64) {
            let of_one = |index| {
                let stripe = Stripe { index, of };
                (0..stripe.share(total)).map(move |own| stripe.global(own))
            };
            let mut all: Vec<u64> = (0..of).flat_map(of_one).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..total).collect::<Vec<_>>());
        }
    }
}
