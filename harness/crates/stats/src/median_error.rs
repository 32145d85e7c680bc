//! The standard error of a median, derived from its interval.

use super::distribution::normal_quantile;
use super::estimate::{Estimate, FEWEST};
use super::undefined::{Undefined, finite};

/// Returns the standard error of a median, in its unit: the length of its order-statistic interval ÷ 2 z, where z is the normal
/// quantile of the interval's real coverage (J. W. McKean and R. M. Schrader, *A Comparison of Methods for
/// Studentizing the Sample Median*, 1984). Below ten values it is up to 30 % too large, because the ends lie far out.
///
/// # Errors
/// [`Undefined::TooFew`] for an estimate without an interval, [`Undefined::NoProbability`] when its coverage is not a probability.
pub fn median_error(estimate: &Estimate) -> Result<f64, Undefined> {
    let found = usize::try_from(estimate.n).unwrap_or(usize::MAX);
    let interval = estimate.interval.ok_or(Undefined::TooFew { needed: FEWEST, found })?;
    if !(interval.coverage > 0.0 && interval.coverage < 1.0) {
        return Err(Undefined::NoProbability { value: interval.coverage });
    }
    finite((interval.high - interval.low) / (2.0 * normal_quantile(f64::midpoint(1.0, interval.coverage))))
}

#[cfg(test)]
mod tests {
    use super::super::estimate::Interval;
    use super::*;

    #[test]
    fn an_interval_of_95_percent_is_1_96_errors_to_either_side() {
        let of = |interval| Estimate { point: 0.0, interval, n: 20 };
        let interval = |coverage| Some(Interval { low: -1.959_963_984_540_054, high: 1.959_963_984_540_054, coverage });
        assert!((median_error(&of(interval(0.95))).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(median_error(&of(interval(1.0))), Err(Undefined::NoProbability { value: 1.0 }));
        assert_eq!(median_error(&of(None)), Err(Undefined::TooFew { needed: 6, found: 20 }));
    }
}
