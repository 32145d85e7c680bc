//! Mean and variance of a sample.

use super::sample::Sample;
use super::undefined::{Undefined, finite};

/// Values whose range is at most this share of the largest value are treated as equal, because of rounding.
const GRAIN: f64 = 4.0 * f64::EPSILON;

#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    pub(super) n: f64,
    pub(super) mean: f64,
    /// Divided by n − 1.
    pub(super) variance: f64,
    /// Whether all values are equal, except for rounding.
    pub(super) constant: bool,
}

impl Moments {
    /// Computes the moments. Adds in order of size, so that the order of the values has no effect.
    pub(super) fn of(sample: &Sample) -> Result<Self, Undefined> {
        let sorted = sample.sorted();
        let (smallest, largest) = (sorted[0], sorted[sorted.len() - 1]);
        if sorted.len() < 2 {
            return Err(Undefined::TooFew { needed: 2, found: sorted.len() });
        }
        let n = sorted.len() as f64;
        // Relative to the smallest value, so that the mean of equal values is exactly that value.
        let mean = smallest + sorted.iter().map(|value| value - smallest).sum::<f64>() / n;
        let variance = sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let constant = largest - smallest <= GRAIN * smallest.abs().max(largest.abs());
        let variance = if constant { 0.0 } else { finite(variance)? };
        Ok(Self { n, mean: finite(mean)?, variance, constant })
    }
}

/// Returns the standard deviation of a sample.
///
/// # Errors
/// [`Undefined::TooFew`] with fewer than two values, [`Undefined::Overflow`] when a number is not finite.
pub fn deviation(sample: &Sample) -> Result<f64, Undefined> {
    Moments::of(sample).map(|moments| moments.variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Result<Moments, Undefined> {
        Moments::of(&Sample::new(values.to_vec()).unwrap())
    }

    #[test]
    fn mean_and_variance_by_hand() {
        let found = of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!((found.n, found.mean, found.variance, found.constant), (3.0, 2.0, 1.0, false));
    }

    #[test]
    fn equal_values_have_no_variance() {
        let found = of(&[0.3, 0.1 + 0.2, 0.3]).unwrap();
        assert!(found.constant && found.variance == 0.0, "{found:?}");
        assert_eq!(of(&[5.0]).unwrap_err(), Undefined::TooFew { needed: 2, found: 1 });
    }

    #[test]
    fn results_beyond_the_range_of_numbers_are_errors() {
        assert_eq!(of(&[f64::MAX, f64::MIN]).unwrap_err(), Undefined::Overflow);
        assert_eq!(of(&[1e200, 2e200]).unwrap_err(), Undefined::Overflow);
    }
}
