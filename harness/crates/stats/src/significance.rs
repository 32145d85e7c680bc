//! p-values, and how they were computed.

use serde::{Deserialize, Serialize};

/// The probabilities of a result at least as extreme without an effect, each in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Significance {
    /// The p-value for "head is greater" (one sample: the values lie above zero; drift: they rise).
    pub greater: f64,
    /// The p-value for "head is less".
    pub less: f64,
    /// The p-value for "they differ": twice the smaller of the two, at most 1.
    pub two_sided: f64,
    pub method: Method,
}

/// How a p-value was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Exact,
    /// From this many arrangements, drawn with a fixed seed; p is (1 + those as extreme) ÷ (1 + all), so it is never 0
    /// (B. Phipson and G. K. Smyth, *Permutation P-values should never be zero*, 2010).
    MonteCarlo(u32),
    /// By the normal approximation, with correction for continuity and ties.
    Normal,
    Student,
}

impl Significance {
    /// Combines two one-sided p-values. Clamps them, because sums of many weights can exceed 1 by a rounding error.
    pub(super) fn new(less: f64, greater: f64, method: Method) -> Self {
        let (less, greater) = (less.clamp(0.0, 1.0), greater.clamp(0.0, 1.0));
        Self { greater, less, two_sided: (2.0 * less.min(greater)).min(1.0), method }
    }

    /// Computes p-values from counts of drawn arrangements.
    pub(super) fn drawn(less: u32, greater: u32, draws: u32) -> Self {
        let share = |count: u32| (1.0 + f64::from(count)) / (1.0 + f64::from(draws));
        Self::new(share(less), share(greater), Method::MonteCarlo(draws))
    }
}
