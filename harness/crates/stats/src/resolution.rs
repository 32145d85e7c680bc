//! The smallest effect that a number of rounds can detect.

use std::f64::consts::FRAC_PI_2;

use super::distribution::{normal_quantile, student_quantile};
use super::estimate::{OUTSIDE, rank};
use super::undefined::Undefined;
use super::units::FEWEST_UNITS;

/// The largest number of rounds for which the result is exact. Above it, the normal approximation is used.
const EXACT: u64 = 200;

/// The share of measurements whose interval excludes 0.
const POWER: f64 = 0.9;

/// The detectable effect in standard errors of a value that is normally distributed: 1.960 for an interval of 95 % to exclude 0, and 1.282
/// more for it to do so in nine of ten measurements.
pub const ERRORS: f64 = 1.959_964 + 1.281_552;

/// Returns the smallest effect that a number of rounds can detect, in standard deviations of one round: the order-statistic interval
/// of its median excludes 0 in nine of ten measurements. Returns `None` below six rounds, which have no interval.
///
/// The interval excludes 0 when fewer than k rounds lie on the wrong side of it, which is a sign test. Its power for normal scatter
/// can be counted (W. J. Dixon, *Power Functions of the Sign Test and Power Efficiency for Normal Alternatives*,
/// 1953). It moves in steps as k does: seven rounds detect less than six, because their interval covers more. Above 200 rounds it is
/// the sum of the quantiles of level and power, times the standard error √(π ÷ 2n) of a median.
pub fn resolution(rounds: u64) -> Option<f64> {
    if rounds > EXACT {
        return Some(ERRORS * (FRAC_PI_2 / rounds as f64).sqrt());
    }
    let n = usize::try_from(rounds).ok()?;
    let (rank, _) = rank(n)?;
    // Bisects the probability of a round on the wrong side until neighbouring numbers are reached.
    let (mut low, mut high) = (0.0, 0.5);
    loop {
        let half = f64::midpoint(low, high);
        if half <= low || half >= high {
            return Some(-normal_quantile(half));
        }
        if fewer_than(rank, n, half) > POWER { low = half } else { high = half }
    }
}

/// Returns the smallest effect that a number of instances can detect, in standard deviations of one instance: mean ± t · s ÷ √n excludes
/// 0 in nine of ten measurements. Returns `None` below [`FEWEST_UNITS`] instances, which have no interval.
///
/// The sum of the two quantiles of t, of the level and of the power, is up to 3 % too small at five instances (the exact value is that of the
/// noncentral t; Cohen, *Statistical Power Analysis for the Behavioral Sciences*, 1988).
///
/// # Errors
/// [`Undefined::Overflow`] when t has no quantile for that number.
pub fn mean_resolution(instances: u64) -> Result<Option<f64>, Undefined> {
    if instances < FEWEST_UNITS as u64 {
        return Ok(None);
    }
    let (n, freedom) = (instances as f64, (instances - 1) as f64);
    let quantiles = student_quantile(OUTSIDE, freedom)? + student_quantile(1.0 - POWER, freedom)?;
    Ok(Some(quantiles / n.sqrt()))
}

/// Returns the probability that fewer than `k` of `n` rounds lie on the wrong side, when each does with probability `p` in (0, 1).
fn fewer_than(k: usize, n: usize, p: f64) -> f64 {
    let odds = (p / (1.0 - p)).ln();
    let mut log_weight = n as f64 * (1.0 - p).ln();
    let mut sum = 0.0;
    for count in 0..k {
        sum += log_weight.exp();
        log_weight += ((n - count) as f64 / (count + 1) as f64).ln() + odds;
    }
    sum
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::estimate::Estimate;
    use super::super::sample::Sample;
    use super::super::tests::normal;
    use super::*;

    #[test]
    fn six_to_eight_rounds_must_all_lie_on_one_side() {
        for rounds in 6..=8 {
            let wrong = 1.0 - 0.9_f64.powf(1.0 / rounds as f64);
            assert!((resolution(rounds).unwrap() + normal_quantile(wrong)).abs() < 1e-9, "{rounds}");
        }
        // Of nine, one may lie on the other: (1 − q)⁹ + 9 q (1 − q)⁸ = 0.9.
        let wrong = 0.060_773_f64;
        assert!(((1.0 - wrong).powi(9) + 9.0 * wrong * (1.0 - wrong).powi(8) - 0.9).abs() < 1e-4);
        assert!((resolution(9).unwrap() + normal_quantile(wrong)).abs() < 1e-3, "{:?}", resolution(9));
        assert_eq!([0, 1, 5].map(resolution), [None; 3]);
        assert_eq!([0, 1, 4].map(|few| mean_resolution(few).unwrap()), [None; 3]);
    }

    #[test]
    fn the_approximation_agrees_with_counting() {
        let (exact, approximate) = (resolution(EXACT).unwrap(), resolution(EXACT + 1).unwrap());
        assert!((exact / approximate - 1.0).abs() < 0.06, "{exact} {approximate}");
        let [few, many] = [1_000, 4_000].map(|rounds| resolution(rounds).unwrap());
        assert!((few / many - 2.0).abs() < 1e-12, "four times the rounds resolve half");
    }

    /// Measures effects of the returned size with a scatter of 1.
    #[test]
    fn an_effect_of_that_size_is_found_in_nine_of_ten_measurements() {
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let trials = 2_000;
        let mut found = |n: u64, shift: f64, of: fn(&Sample) -> Estimate| {
            let mut sample = || Sample::new((0..n).map(|_| normal(&mut random) + shift).collect()).unwrap();
            (0..trials).filter(|_| of(&sample()).interval.unwrap().low > 0.0).count()
        };
        for rounds in [6, 7, 10, 46, 150] {
            let share = found(rounds, resolution(rounds).unwrap(), Estimate::median) as f64 / f64::from(trials);
            assert!((0.87..0.95).contains(&share), "{rounds} rounds: {share}");
        }
        for instances in [5, 7, 10, 40] {
            let shift = mean_resolution(instances).unwrap().unwrap();
            let share = found(instances, shift, |sample| Estimate::mean(sample).unwrap()) as f64 / f64::from(trials);
            assert!((0.87..0.93).contains(&share), "{instances} instances: {share}");
        }
    }
}
