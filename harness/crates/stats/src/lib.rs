//! Stats: samples, estimates and tests. Pure arithmetic over numbers that were checked once, at the door. Every procedure is
//! described in `docs/statistics.md`, or beside what needs it. The rules that hold for all of them:
//!
//! - the unit of analysis is the round or the launch, in the order in which they were taken;
//! - two samples are *base* and *head*, and every difference is head − base, every ratio head ÷ base;
//! - the order of the values changes no result, except where the order is the question ([`drift()`], [`order_effect`]);
//! - a result is a number or an [`Undefined`] with the reason, never NaN and never infinite.

mod adjust;
mod bootstrap;
mod distribution;
mod drift;
mod estimate;
mod hodges_lehmann;
mod mann_whitney;
mod median_error;
mod pairs;
mod permutation;
mod prediction;
mod ranks;
mod resolution;
mod sample;
mod sign_flip;
mod signed_rank;
mod significance;
mod steady;
mod student;
#[cfg(test)]
mod tests;
mod trend;
mod undefined;

pub use adjust::benjamini_hochberg;
pub use bootstrap::{Resampling, bootstrap};
pub use drift::{Drift, OrderEffect, drift, order_effect};
pub use estimate::{Estimate, Interval};
pub use hodges_lehmann::{Shift, hodges_lehmann, shift};
pub use mann_whitney::{MannWhitney, mann_whitney};
pub use median_error::median_error;
pub use pairs::{differences, log_ratios, logarithms};
pub use prediction::{Prediction, predict};
pub use resolution::{resolution, rounds_for};
pub use sample::{Sample, Unusable};
pub use sign_flip::sign_flip;
pub use signed_rank::{SignedRank, signed_rank};
pub use significance::{Method, Significance};
pub use steady::{above_zero, greater_head, larger_head};
pub use student::{StudentTest, ratio, student, welch};
pub use trend::slope;
pub use undefined::Undefined;
