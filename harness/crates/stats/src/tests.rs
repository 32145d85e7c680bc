//! Compares the statistics with reference values from scipy, and checks the properties that all procedures share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

mod properties;
mod reference;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::sample::tests::sample;

/// Returns a value with mean 0 and variance 1 that is nearly normal: the sum of twelve uniform ones.
pub(crate) fn normal(random: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| random.random_range(-0.5..0.5)).sum()
}
