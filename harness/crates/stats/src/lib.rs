//! Statistics: samples, estimates and tests. All functions are pure.
//!
//! The procedures are described in `docs/statistics.md` or at their functions. These rules hold for all of them:
//!
//! - The unit of analysis is the round or the launch, in the order of measurement.
//! - Two samples are called *base* and *head*. A difference is head − base, a ratio is head ÷ base.
//! - The order of the values does not change the result, except in tests of the order itself ([`drift()`], [`order_effect`]).
//! - A result is a finite number, or an [`Undefined`] with the reason.

mod adjust;
mod components;
mod distribution;
mod drift;
mod estimate;
mod fisher;
mod mann_whitney;
mod moments;
mod monotone;
mod pairs;
mod permutation;
mod prediction;
mod ranks;
mod resolution;
mod sample;
mod shares;
mod shift;
mod significance;
#[cfg(test)]
mod tests;
mod trend;
mod undefined;
mod units;

pub use adjust::benjamini_hochberg;
pub use components::{Components, components};
pub use drift::{Drift, OrderEffect, drift, order_effect};
pub use estimate::{Estimate, Interval};
pub use fisher::fisher_exact;
pub use mann_whitney::{MannWhitney, mann_whitney};
pub use moments::deviation;
pub use monotone::{above_zero, greater_head, larger_head};
pub use pairs::{differences, log_ratios, logarithms};
pub use prediction::{Prediction, predict};
pub use resolution::{ERRORS, mean_resolution, resolution};
pub use sample::{Sample, Unusable};
pub use shares::{Part, binomial, share, total};
pub use shift::{Shift, shift};
pub use significance::{Method, Significance};
pub use trend::{FEWEST_INDEPENDENT, Slope, slope};
pub use undefined::Undefined;
pub use units::{Counts, FEWEST_UNITS, differs_from_zero, interquartile_mean, pooled_quantile};
