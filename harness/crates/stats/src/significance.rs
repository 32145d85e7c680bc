//! Significance: p-values of the three questions that can be asked, and how they were found.

use serde::{Deserialize, Serialize};

/// How likely a result at least as extreme is where there is no effect. All p-values lie in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Significance {
    /// p against "head is greater" (one sample: the values lie above zero; drift: they rise).
    pub greater: f64,
    /// p against "head is less".
    pub less: f64,
    /// p against "they differ": twice the smaller of the two, at most 1.
    pub two_sided: f64,
    /// How the p-values were found.
    pub method: Method,
}

/// How a p-value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Exact,
    /// So many arrangements were drawn with a fixed seed; p is (1 + those as extreme) ÷ (1 + all), so it is never 0
    /// (B. Phipson and G. K. Smyth, *Permutation P-values should never be zero*, 2010).
    MonteCarlo(u32),
    /// The normal approximation, with correction for continuity and ties.
    Normal,
    Student,
}

impl Significance {
    /// Joins the two one-sided p-values. Sums of many weights may pass 1 by a rounding error; they are held to it.
    pub(super) fn new(less: f64, greater: f64, method: Method) -> Self {
        let (less, greater) = (less.clamp(0.0, 1.0), greater.clamp(0.0, 1.0));
        Self { greater, less, two_sided: (2.0 * less.min(greater)).min(1.0), method }
    }

    /// From counts of drawn arrangements.
    pub(super) fn drawn(less: u32, greater: u32, draws: u32) -> Self {
        let share = |count: u32| (1.0 + f64::from(count)) / (1.0 + f64::from(draws));
        Self::new(share(less), share(greater), Method::MonteCarlo(draws))
    }
}
