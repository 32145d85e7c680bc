//! Trends: the slope of values over time, robust against single values.

use std::f64::consts::PI;

use super::distribution::student_quantile;
use super::estimate::{Estimate, Interval, LEAST_COVERAGE, OUTSIDE};
use super::ranks::doubled_midranks;
use super::sample::{Sample, middle};
use super::undefined::{Undefined, finite};

/// The fewest values.
const FEWEST: usize = 8;

/// The fewest independent values for an interval of ranks.
pub const FEWEST_INDEPENDENT: f64 = 5.0;

/// A slope, and how much it is based on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// In units per second.
    pub estimate: Estimate,
    /// The number of independent values, n · (1 − ρ) ÷ (1 + ρ). With fewer than [`FEWEST_INDEPENDENT`], the interval shows only large
    /// slopes.
    pub independent: f64,
}

/// The largest autocorrelation that is assumed. The estimate of a short series can exceed 1.
const MOST_CORRELATED: f64 = 0.95;

/// Estimates the slope of values over time, in units per second. `times` are in seconds, one for each value, in rising order.
///
/// The slope is the median of the slopes between all pairs of values (H. Theil, *A Rank-Invariant Method of Linear and Polynomial
/// Regression Analysis*, 1950): up to 29 % of the values can be arbitrary. Its interval consists of the pair slopes that Kendall's test
/// does not reject (P. K. Sen, *Estimates of the Regression Coefficient Based on Kendall's Tau*, 1968). Consecutive values are
/// correlated, so the variance of the test is that of a first-order autoregression (K. H. Hamed and A. R. Rao, *A Modified Mann-Kendall
/// Trend Test for Autocorrelated Data*, 1998) with the autocorrelation of the residuals' ranks, corrected for the bias of a short series.
/// Its quantile is that of Student's t with as many degrees of freedom as there are independent values, less two.
///
/// If too few values are independent for that, the interval is slope ± t · s · √f ÷ √Σ(time − mean)², where s is the deviation of the
/// residuals, f the factor of the variance, and t has at least one degree of freedom. `docs/statistics.md` has the measured coverage.
///
/// # Errors
/// [`Undefined::TooFew`] below eight values, [`Undefined::Unpaired`] when there is not one time for each value,
/// [`Undefined::Constant`] when no time rises, [`Undefined::Overflow`] when a number is not finite.
pub fn slope(times: &[f64], values: &Sample) -> Result<Slope, Undefined> {
    let found = values.values();
    if found.len() < FEWEST {
        return Err(Undefined::TooFew { needed: FEWEST, found: found.len() });
    }
    if times.len() != found.len() {
        return Err(Undefined::Unpaired { base: times.len(), head: found.len() });
    }
    let slopes = pair_slopes(times, found)?;
    let point = finite(middle(&slopes))?;
    let residuals: Vec<f64> = times.iter().zip(found).map(|(time, value)| value - point * time).collect();
    let correlation = autocorrelation(&residuals);
    let size = found.len() as f64;
    let independent = size * (1.0 - correlation) / (1.0 + correlation);
    let interval = match of_ranks(&slopes, correlation, independent, found.len())? {
        Some(ends) => ends,
        None => of_residuals(times, &residuals, point, correlation, independent)?,
    };
    let estimate = Estimate { point, interval: Some(interval), n: found.len() as u64 };
    Ok(Slope { estimate, independent })
}

/// Returns the slopes of all pairs, sorted.
fn pair_slopes(times: &[f64], values: &[f64]) -> Result<Vec<f64>, Undefined> {
    let mut slopes = Vec::with_capacity(values.len() * (values.len() - 1) / 2);
    for (at, (time, value)) in times.iter().zip(values).enumerate() {
        let later = times[at + 1..].iter().zip(&values[at + 1..]);
        let rising = later.filter(|(later, _)| *later > time);
        slopes.extend(rising.map(|(later, other)| (other - value) / (later - time)));
    }
    if slopes.is_empty() {
        return Err(Undefined::Constant);
    }
    slopes.sort_by(f64::total_cmp);
    Ok(slopes)
}

/// Returns the interval of `n` values with that autocorrelation between neighbours; `None` if too few of them are independent.
fn of_ranks(slopes: &[f64], correlation: f64, independent: f64, n: usize) -> Result<Option<Interval>, Undefined> {
    if independent < FEWEST_INDEPENDENT {
        return Ok(None);
    }
    let size = n as f64;
    let variance = size * (size - 1.0) * (2.0 * size + 5.0) / 18.0 * inflation(correlation, n);
    let quantile = student_quantile(OUTSIDE, independent - 2.0)?;
    let below = (slopes.len() as f64 - quantile * variance.sqrt()) / 2.0;
    if below < 1.0 {
        return Ok(None);
    }
    let outside = below as usize;
    let (low, high) = (finite(slopes[outside - 1])?, finite(slopes[slopes.len() - outside])?);
    Ok(Some(Interval { low, high, coverage: LEAST_COVERAGE }))
}

/// Returns the interval from the size of the residuals.
fn of_residuals(
    times: &[f64],
    residuals: &[f64],
    slope: f64,
    correlation: f64,
    independent: f64,
) -> Result<Interval, Undefined> {
    let squares = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>()
    };
    let variance = squares(residuals) / (residuals.len() as f64 - 2.0) * inflation(correlation, residuals.len());
    let quantile = student_quantile(OUTSIDE, (independent - 2.0).max(1.0))?;
    let half = quantile * (variance / squares(times)).sqrt();
    Ok(Interval { low: finite(slope - half)?, high: finite(slope + half)?, coverage: LEAST_COVERAGE })
}

/// Returns how much larger the variance of Kendall's statistic is than that of independent values.
fn inflation(correlation: f64, n: usize) -> f64 {
    let size = n as f64;
    let of_lag = |lag: usize| {
        let left = size - lag as f64;
        let ranks = 6.0 / PI * (correlation.powi(i32::try_from(lag).unwrap_or(i32::MAX)) / 2.0).asin();
        left * (left - 1.0) * (left - 2.0) * ranks
    };
    1.0 + 2.0 / (size * (size - 1.0) * (size - 2.0)) * (1..n).map(of_lag).sum::<f64>()
}

/// Returns the autocorrelation of neighbouring residuals, from 0 to [`MOST_CORRELATED`]: that of their ranks as that of normal values,
/// plus the amount by which a fitted line lowers it (M. G. Kendall, *Note on Bias in the Estimation of Autocorrelation*, 1954).
fn autocorrelation(residuals: &[f64]) -> f64 {
    let ranks: Vec<f64> = doubled_midranks(residuals).into_iter().map(|rank| rank as f64).collect();
    let size = ranks.len() as f64;
    let mean = ranks.iter().sum::<f64>() / size;
    let deviations: Vec<f64> = ranks.iter().map(|rank| rank - mean).collect();
    let all: f64 = deviations.iter().map(|deviation| deviation * deviation).sum();
    if all == 0.0 {
        return 0.0;
    }
    let neighbours: f64 = deviations.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let normal = 2.0 * (PI / 6.0 * neighbours / all).sin();
    ((size * normal + 2.0) / (size - 4.0)).clamp(0.0, MOST_CORRELATED)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::tests::normal;

    fn times(n: u32) -> Vec<f64> {
        (0..n).map(|at| f64::from(at) * 2.0).collect()
    }

    fn of(values: Vec<f64>) -> Estimate {
        let times = times(u32::try_from(values.len()).unwrap());
        slope(&times, &Sample::new(values).unwrap()).unwrap().estimate
    }

    fn ends(estimate: &Estimate) -> (f64, f64) {
        estimate.interval.map(|ends| (ends.low, ends.high)).unwrap()
    }

    #[test]
    fn a_line_is_found_exactly() {
        let found = of((0..20).map(|at| 7.0 + 3.0 * f64::from(at)).collect());
        assert_eq!((found.point, ends(&found), found.n), (1.5, (1.5, 1.5), 20));
        assert_eq!(of(vec![4.0; 9]).point, 0.0);
    }

    #[test]
    fn the_median_of_all_pairs_by_hand() {
        // Slopes of the six pairs of 0 1 5 6 a second apart: 1, 2.5, 2, 4, 2.5, 1.
        let median = |times: &[f64], values: &[f64]| pair_slopes(times, values).map(|slopes| middle(&slopes));
        assert_eq!(median(&[0.0, 1.0, 2.0, 3.0], &[0.0, 1.0, 5.0, 6.0]), Ok(2.25));
        // Of three: 1, 2.5, 4.
        assert_eq!(median(&[0.0, 1.0, 2.0], &[0.0, 1.0, 5.0]), Ok(2.5));
        assert_eq!(median(&[0.0, 1.0], &[3.0, 1.0]), Ok(-2.0));
        assert_eq!(median(&[1.0, 1.0], &[3.0, 1.0]), Err(Undefined::Constant));
    }

    #[test]
    fn independent_values_have_the_interval_of_sen() {
        // Twelve values: the variance is 12·11·29/18 = 212.7, t with ten degrees of freedom is 2.228, so 16 of 66 slopes are outside
        // on either side.
        let slopes: Vec<f64> = (1..=66).map(f64::from).collect();
        let found = of_ranks(&slopes, 0.0, 12.0, 12).unwrap().unwrap();
        assert_eq!((found.low, found.high), (16.0, 51.0));
        assert_eq!(inflation(0.0, 12), 1.0);
        // For a long series, the variance grows by (1 + ρ) ÷ (1 − ρ), slightly less for ranks.
        assert!((inflation(0.5, 2_000) - 3.0).abs() < 0.1, "{}", inflation(0.5, 2_000));
        assert_eq!(of_ranks(&slopes, 0.6, 3.0, 12), Ok(None), "three independent values");
    }

    #[test]
    fn a_fifth_of_the_values_can_be_arbitrary() {
        let value = |at: u32| if at % 5 == 3 { 1e6 } else { f64::from(at) };
        let found = of((0..40).map(value).collect());
        assert!((found.point - 0.5).abs() < 0.05, "{found:?}");
    }

    #[test]
    fn a_saw_without_a_trend_has_none() {
        let found = of((0..60).map(|at| f64::from(at % 5) * 16.0).collect());
        let (low, high) = ends(&found);
        assert!(low <= 0.0 && high >= 0.0, "{found:?}");
    }

    /// Returns the share of series whose interval contains the true slope, and the share with too few independent values.
    fn coverage(n: u32, correlation: f64, trials: u32, noise: fn(&mut ChaCha8Rng) -> f64) -> (f64, f64) {
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let times = times(n);
        let (mut held, mut few) = (0, 0);
        for _ in 0..trials {
            let mut level = noise(&mut random) / (1.0 - correlation * correlation).sqrt();
            let values = times.iter().map(|time| {
                level = correlation * level + noise(&mut random);
                0.25 * time + level
            });
            let found = slope(&times, &Sample::new(values.collect()).unwrap()).unwrap();
            let ends = found.estimate.interval.unwrap();
            held += u32::from(ends.low <= 0.25 && 0.25 <= ends.high);
            few += u32::from(found.independent < FEWEST_INDEPENDENT);
        }
        (f64::from(held) / f64::from(trials), f64::from(few) / f64::from(trials))
    }

    /// Returns normal values divided by uniform ones, which have heavy tails.
    fn heavy(random: &mut ChaCha8Rng) -> f64 {
        normal(random) / random.random_range(0.05..1.0)
    }

    #[test]
    fn the_interval_covers_the_true_slope_of_correlated_values() {
        for (n, correlation) in [(12, 0.5), (30, 0.5), (60, 0.0), (60, 0.5)] {
            for noise in [normal, heavy] {
                let (held, without) = coverage(n, correlation, 800, noise);
                // Three standard errors of a share of 0.9 in 400 to 800 series.
                assert!(
                    held >= 0.90 - 0.04,
                    "{n} values, {correlation}: {held} covered, {without} without an interval"
                );
            }
        }
        let (_, without) = coverage(30, 0.8, 400, normal);
        assert!(without > 0.4, "three of 30 values are independent, and {without} have no interval");
    }

    /// Prints the table of `docs/statistics.md`.
    #[test]
    #[ignore = "takes a minute and checks nothing"]
    fn print_the_coverage() {
        for n in [12, 20, 30, 60, 120] {
            for correlation in [0.0, 0.3, 0.5, 0.8] {
                let (normal, normal_few) = coverage(n, correlation, 4_000, normal);
                let (heavy, heavy_few) = coverage(n, correlation, 4_000, heavy);
                println!("{n:4} {correlation:.1}: {normal:.3} {normal_few:.3}   {heavy:.3} {heavy_few:.3}");
            }
        }
    }

    #[test]
    fn a_staircase_has_few_independent_values_and_still_rises() {
        // One more per second, counted at a phase that moves: the residuals are two long runs.
        let times: Vec<f64> = (0..42).map(f64::from).collect();
        let values = times.iter().map(|time| (time + time / 30.0).floor()).collect();
        let found = slope(&times, &Sample::new(values).unwrap()).unwrap();
        let ends = found.estimate.interval.unwrap();
        assert!(found.independent < FEWEST_INDEPENDENT && ends.low > 0.3 && ends.high < 2.0, "{found:?}");
    }

    #[test]
    fn errors_give_the_reason() {
        let values = |n: u32| Sample::new((0..n).map(|at| f64::from(at * at % 7)).collect()).unwrap();
        assert_eq!(slope(&times(7), &values(7)), Err(Undefined::TooFew { needed: 8, found: 7 }));
        assert_eq!(slope(&times(9), &values(8)), Err(Undefined::Unpaired { base: 9, head: 8 }));
        assert_eq!(slope(&[3.0; 8], &values(8)), Err(Undefined::Constant));
    }
}
