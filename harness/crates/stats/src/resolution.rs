//! The smallest effect that a number of rounds can detect.

use std::f64::consts::FRAC_PI_2;

use super::distribution::normal_quantile;
use super::estimate::rank;

/// The largest number of rounds for which the result is exact. Above it, the normal approximation is used.
const EXACT: u64 = 200;

/// The share of measurements whose interval excludes 0.
const POWER: f64 = 0.9;

/// The detectable effect in standard errors of the median, for many rounds: 1.960 for an interval of 95 % to exclude 0, and 1.282
/// more for it to do so in nine of ten measurements.
const ERRORS: f64 = 1.959_964 + 1.281_552;

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

/// Returns the fewest rounds that can detect an effect, given in standard deviations of one round; `None` if no number can.
pub fn rounds_for(effect: f64) -> Option<u64> {
    let enough = |rounds: &u64| resolution(*rounds).is_some_and(|resolved| resolved <= effect);
    (1..=EXACT).find(enough).or_else(|| {
        let rounds = (ERRORS / effect).powi(2) * FRAC_PI_2;
        (effect > 0.0 && rounds.is_finite()).then(|| (rounds.ceil() as u64).max(EXACT + 1))
    })
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
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::estimate::Estimate;
    use super::super::median_error::median_error;
    use super::super::sample::Sample;
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
    }

    #[test]
    fn the_approximation_agrees_with_counting() {
        let (exact, approximate) = (resolution(EXACT).unwrap(), resolution(EXACT + 1).unwrap());
        assert!((exact / approximate - 1.0).abs() < 0.06, "{exact} {approximate}");
        let [few, many] = [1_000, 4_000].map(|rounds| resolution(rounds).unwrap());
        assert!((few / many - 2.0).abs() < 1e-12, "four times the rounds resolve half");
    }

    #[test]
    fn so_many_rounds_are_enough_and_no_fewer() {
        for effect in [3.0, 2.0, 1.3, 0.7, 0.4, 0.2, 0.01] {
            let rounds = rounds_for(effect).unwrap();
            assert!(resolution(rounds).unwrap() <= effect, "{effect}: {rounds}");
            assert!((1..rounds.min(EXACT)).all(|fewer| resolution(fewer).is_none_or(|seen| seen > effect)), "{effect}");
        }
        assert_eq!(rounds_for(1e9), Some(6));
        assert_eq!([0.0, -1.0, f64::NAN].map(rounds_for), [None; 3]);
    }

    /// A value of the standard normal distribution (Box and Muller).
    fn normal(random: &mut ChaCha8Rng) -> f64 {
        let (one, other): (f64, f64) = (random.random_range(f64::EPSILON..1.0), random.random());
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    }

    fn estimate(random: &mut ChaCha8Rng, n: u64, shift: f64) -> Estimate {
        Estimate::median(&Sample::new((0..n).map(|_| normal(random) + shift).collect()).unwrap())
    }

    /// As calibration does it: the scatter from the interval of 33 rounds, and an overhead as large as it says in fresh rounds.
    #[test]
    fn an_overhead_of_that_size_is_found_in_about_nine_of_ten_measurements() {
        let mut random = ChaCha8Rng::seed_from_u64(11);
        for rounds in [6, 7, 10, 46, 150] {
            let trials = 2_000;
            let (mut scatters, mut found) = (0.0, 0);
            for _ in 0..trials {
                let error = median_error(&estimate(&mut random, 33, 0.0)).unwrap();
                let scatter = error * (33.0 / FRAC_PI_2).sqrt();
                scatters += scatter;
                let seen = estimate(&mut random, rounds, resolution(rounds).unwrap() * scatter).interval.unwrap();
                found += i32::from(seen.low > 0.0);
            }
            let (scatter, share) = (scatters / f64::from(trials), f64::from(found) / f64::from(trials));
            // The true scatter is 1.
            assert!((0.93..1.10).contains(&scatter), "{scatter}");
            assert!((0.83..0.95).contains(&share), "{rounds} rounds: {share}");
        }
    }
}
