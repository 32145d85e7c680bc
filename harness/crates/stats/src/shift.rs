//! The shift between two samples, by the Hodges–Lehmann estimate.

use serde::{Deserialize, Serialize};

use super::estimate::Interval;
use super::pairs::checked;
use super::permutation::{cutoff, normal_cutoff, untied_u};
use super::sample::{Sample, middle};
use super::undefined::Undefined;

/// The largest number of values in both samples for which the interval is exact. Above it, the normal approximation is used.
const EXACT: usize = 100;

/// The largest number of pairs that are kept in memory.
const MOST_PAIRS: usize = 4_000_000;

/// The shift between two samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// The median of all differences head − base, in the metric's unit.
    pub point: f64,
    /// Absent when the samples are too small for a coverage of 95 %, such as three values against three.
    pub interval: Option<Interval>,
    pub base: u64,
    pub head: u64,
}

/// Returns the median of all differences head − base, with its Mann–Whitney interval (the Hodges–Lehmann estimate).
///
/// The true shift lies between the k-th smallest and the k-th largest of these differences with probability 1 − 2 P(U < k), U
/// being the Mann–Whitney count without ties (M. Hollander, D. A. Wolfe and E. Chicken, *Nonparametric Statistical Methods*, 3rd
/// edition, sections 4.2 and 4.3). Exact up to 100 values in both samples together; with ties the coverage is at least that.
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
    let rank = if first + second <= EXACT {
        cutoff(&untied_u(first, second))
    } else {
        let pairs = (first * second) as f64;
        normal_cutoff(pairs / 2.0, (pairs * (first + second + 1) as f64 / 12.0).sqrt())
    };
    let interval = rank.map(|found| enclosed(&sorted, found));
    Ok(Shift { point: middle(&sorted), interval, base: first as u64, head: second as u64 })
}

/// Returns the interval from the k-th smallest to the k-th largest value.
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
        let interval = shift(&constant, &constant).unwrap().interval.unwrap();
        assert_eq!((interval.low, interval.high), (0.0, 0.0));
    }

    #[test]
    fn exact_and_approximate_intervals_meet_where_one_takes_over() {
        let line = |n: usize| sample((0..n).map(|at| at as f64));
        let width = |interval: Option<Interval>| interval.map(|interval| interval.high - interval.low).unwrap();
        let two = |n| shift(&line(n), &line(n)).unwrap().interval;
        assert!((width(two(50)) / 50.0 - width(two(51)) / 51.0).abs() < 2e-2);
    }

    #[test]
    fn samples_that_are_too_large_are_refused() {
        let many = sample((0..2_828).map(f64::from));
        assert_eq!(shift(&many, &many), Err(Undefined::TooMany { most: 2_000, found: 2_828 }));
        assert_eq!(shift(&sample([f64::MIN]), &sample([f64::MAX])), Err(Undefined::Overflow));
    }
}
