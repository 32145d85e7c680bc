//! Hodges–Lehmann estimates: as robust as a median, and narrower where the scatter is symmetric.

use serde::{Deserialize, Serialize};

use super::pairs::checked;
use super::permutation::{cutoff, normal_cutoff, sums_of_signs, untied_u};
use super::sample::middle;
use super::{Estimate, Interval, Sample, Undefined};

/// Beyond so many differences the interval's rank comes from the normal approximation.
const EXACT_SIGNS: usize = 200;

/// Beyond so many values in both samples together the same.
const EXACT_SUBSETS: usize = 100;

/// Most pairs of values that are held at once.
const MOST_PAIRS: usize = 4_000_000;

/// The shift between two samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Median of all differences head − base, in the metric's unit.
    pub point: f64,
    /// Where the true shift lies; absent where the samples are too small for 95 %, such as three against three.
    pub interval: Option<Interval>,
    pub base: u64,
    pub head: u64,
}

/// The median of the means of all pairs of differences (each with itself included), with its signed-rank interval.
///
/// The true centre of a symmetric distribution lies between the k-th smallest and the k-th largest of these means with
/// probability 1 − 2 P(W < k), W being the signed-rank sum without ties (M. Hollander, D. A. Wolfe and E. Chicken,
/// *Nonparametric Statistical Methods*, 3rd edition, sections 3.2 and 3.3). Exact up to 200 differences; with ties the coverage
/// is at least that. There is no interval below six differences.
///
/// # Errors
/// [`Undefined::TooMany`] beyond 2,827 differences.
pub fn hodges_lehmann(differences: &Sample) -> Result<Estimate, Undefined> {
    let sorted = differences.sorted();
    let n = sorted.len();
    let most = (2 * MOST_PAIRS).isqrt() - 1;
    if n > most {
        return Err(Undefined::TooMany { most, found: n });
    }
    let rows = sorted.iter().enumerate();
    let mut means: Vec<f64> =
        rows.flat_map(|(at, one)| sorted[at..].iter().map(move |other| f64::midpoint(*one, *other))).collect();
    means.sort_by(f64::total_cmp);
    let count = n as f64;
    let rank = if n <= EXACT_SIGNS {
        cutoff(&sums_of_signs(&(1..=n).collect::<Vec<_>>()))
    } else {
        normal_cutoff(count * (count + 1.0) / 4.0, (count * (count + 1.0) * (2.0 * count + 1.0) / 24.0).sqrt())
    };
    Ok(Estimate { point: middle(&means), interval: rank.map(|found| enclosed(&means, found)), n: n as u64 })
}

/// The median of all differences head − base, with its Mann–Whitney interval.
///
/// The true shift lies between the k-th smallest and the k-th largest of these differences with probability 1 − 2 P(U < k), U
/// being the Mann–Whitney count without ties (Hollander, Wolfe and Chicken, sections 4.2 and 4.3). Exact up to 100 values in both
/// together; with ties the coverage is at least that.
///
/// # Errors
/// [`Undefined::TooMany`] beyond 4,000,000 pairs, [`Undefined::Overflow`] when a difference is beyond the range of numbers.
pub fn shift(base: &Sample, head: &Sample) -> Result<Shift, Undefined> {
    let (first, second) = (base.values().len(), head.values().len());
    if first.saturating_mul(second) > MOST_PAIRS {
        return Err(Undefined::TooMany { most: MOST_PAIRS.isqrt(), found: first.max(second) });
    }
    let pairs = base.values().iter().flat_map(|base| head.values().iter().map(move |head| head - base));
    let sorted = checked(pairs.collect())?.sorted();
    let rank = if first + second <= EXACT_SUBSETS {
        cutoff(&untied_u(first, second))
    } else {
        let pairs = (first * second) as f64;
        normal_cutoff(pairs / 2.0, (pairs * (first + second + 1) as f64 / 12.0).sqrt())
    };
    let interval = rank.map(|found| enclosed(&sorted, found));
    Ok(Shift { point: middle(&sorted), interval, base: first as u64, head: second as u64 })
}

/// From the k-th smallest to the k-th largest.
fn enclosed(sorted: &[f64], (rank, coverage): (usize, f64)) -> Interval {
    Interval { low: sorted[rank - 1], high: sorted[sorted.len() - rank], coverage }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: impl IntoIterator<Item = f64>) -> Sample {
        Sample::new(values.into_iter().collect()).unwrap()
    }

    #[test]
    fn the_estimate_is_the_median_of_the_means_of_pairs() {
        // Means of pairs of 1, 2, 6: 1, 1.5, 2, 3.5, 4, 6.
        let estimate = hodges_lehmann(&sample([6.0, 1.0, 2.0])).unwrap();
        assert_eq!((estimate.point, estimate.interval, estimate.n), (2.75, None, 3));
        let six = hodges_lehmann(&sample([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).unwrap().interval.unwrap();
        assert_eq!((six.low, six.high, six.coverage), (1.0, 6.0, 1.0 - 2.0 / 64.0));
    }

    #[test]
    fn the_shift_is_the_median_of_all_differences() {
        let found = shift(&sample([1.0, 2.0]), &sample([4.0, 8.0, 16.0])).unwrap();
        assert_eq!((found.point, found.interval, found.base, found.head), (6.5, None, 2, 3));
        let four = shift(&sample([1.0, 2.0, 3.0, 4.0]), &sample([11.0, 12.0, 13.0, 14.0])).unwrap();
        let interval = four.interval.unwrap();
        assert_eq!((four.point, interval.low, interval.high), (10.0, 7.0, 13.0));
        assert!((interval.coverage - (1.0 - 2.0 / 70.0)).abs() < 1e-15);
    }

    #[test]
    fn constants_have_zero_width() {
        let constant = sample([4.0; 12]);
        let interval = hodges_lehmann(&constant).unwrap().interval.unwrap();
        assert_eq!((interval.low, interval.high), (4.0, 4.0));
        let interval = shift(&constant, &constant).unwrap().interval.unwrap();
        assert_eq!((interval.low, interval.high), (0.0, 0.0));
    }

    #[test]
    fn exact_and_approximate_intervals_meet_where_one_takes_over() {
        let line = |n: usize| sample((0..n).map(|at| at as f64));
        let width = |interval: Option<Interval>| interval.map(|interval| interval.high - interval.low).unwrap();
        let (exact, normal) = (hodges_lehmann(&line(200)).unwrap(), hodges_lehmann(&line(202)).unwrap());
        assert!((width(exact.interval) / 200.0 - width(normal.interval) / 202.0).abs() < 5e-3);
        let two = |n| shift(&line(n), &line(n)).unwrap().interval;
        assert!((width(two(50)) / 50.0 - width(two(51)) / 51.0).abs() < 2e-2);
    }

    #[test]
    fn what_is_too_large_says_so() {
        let many = sample((0..2_828).map(f64::from));
        assert_eq!(hodges_lehmann(&many), Err(Undefined::TooMany { most: 2_827, found: 2_828 }));
        assert_eq!(shift(&many, &many), Err(Undefined::TooMany { most: 2_000, found: 2_828 }));
        assert_eq!(shift(&sample([f64::MIN]), &sample([f64::MAX])), Err(Undefined::Overflow));
    }
}
