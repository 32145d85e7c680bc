//! The statistics against reference values that were computed elsewhere, and the properties that all procedures share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "a test may fail loudly")]

#[path = "statistics/properties.rs"]
mod properties;
#[path = "statistics/reference.rs"]
mod reference;

use harness_stats::Sample;

fn sample(values: &[f64]) -> Sample {
    Sample::new(values.to_vec()).unwrap()
}
