//! Tests that verdicts rely on. They are monotone: when a value of head grows, the evidence that head is greater never weakens.
//!
//! Rank tests have that property only without ties, because a tie that appears or disappears changes the distribution. Student's t
//! does not have it, because an outlier adds more to the scatter than to the mean. Here, ties count against the alternative, under
//! the distribution without ties, and Welch's t uses the head with its largest values cut at the limit that gives the largest t.
//! The p-values are at least those of the original tests, except for the cut; therefore [`greater_head`] is always combined with
//! a rank test.

use super::distribution::student_tail;
use super::moments::Moments;
use super::permutation::{normal_tails, sums_of_signs, tails, untied_u};
use super::sample::Sample;
use super::undefined::{Undefined, finite};

/// The largest number of differences for which the test is exact. Above it, the normal approximation is used.
const EXACT_SIGNS: usize = 200;

/// The same for the number of values in both samples.
const EXACT_SUBSETS: usize = 100;

/// Returns the one-sided p-value for "the differences lie above zero", by Wilcoxon's signed-rank test. The rank sum is the number
/// of pairs of differences (each with itself included) whose mean is above zero (J. W. Tukey, *The Simplest Signed-Rank Tests*,
/// 1949). Without ties and zeros it equals the usual p-value; with them it is at least as large. Exact up to 200 differences.
pub fn above_zero(differences: &Sample) -> f64 {
    let values = differences.sorted();
    let rows = values.iter().enumerate();
    let above: usize = rows.map(|(at, one)| values[at..].iter().filter(|other| one + *other > 0.0).count()).sum();
    let n = values.len();
    if n <= EXACT_SIGNS {
        return tails(&sums_of_signs(&(1..=n).collect::<Vec<_>>()), above).1.min(1.0);
    }
    let count = n as f64;
    let deviation = (count * (count + 1.0) * (2.0 * count + 1.0) / 24.0).sqrt();
    normal_tails(above as f64, count * (count + 1.0) / 4.0, deviation, 1.0).1
}

/// Returns the one-sided p-value for "head tends to be larger", by the Mann–Whitney test under the distribution without ties. Tied
/// pairs count for base. Without ties it equals that of [`super::mann_whitney()`]. Exact up to 100 values in both samples together.
pub fn larger_head(base: &Sample, head: &Sample) -> f64 {
    let (first, second) = (base.values().len(), head.values().len());
    let lower = base.sorted();
    let larger: usize = head.values().iter().map(|value| lower.partition_point(|base| base < value)).sum();
    if first + second <= EXACT_SUBSETS {
        return tails(&untied_u(first, second), larger).1.min(1.0);
    }
    let pairs = (first * second) as f64;
    normal_tails(larger as f64, pairs / 2.0, (pairs * (first + second + 1) as f64 / 12.0).sqrt(), 1.0).1
}

/// Returns the one-sided p-value for "the mean of head is greater", by Welch's t. It uses the largest t over all limits at which the
/// values of head can be cut, with the degrees of freedom of the smaller sample, which never exceed those of Satterthwaite. The
/// p-value is 0 when there is no scatter and head is greater.
///
/// # Errors
/// [`Undefined::TooFew`] below two values on a side, [`Undefined::Overflow`] when the values are beyond the range of numbers.
pub fn greater_head(base: &Sample, head: &Sample) -> Result<f64, Undefined> {
    let reference = Moments::of(base)?;
    Moments::of(head)?;
    let own_error = finite(reference.variance / reference.n)?;
    let shifted: Vec<f64> =
        head.sorted().iter().map(|value| finite(value - reference.mean)).collect::<Result<_, _>>()?;
    let smaller = base.values().len().min(shifted.len()) as f64;
    match largest_t(&shifted, own_error) {
        t if t == f64::INFINITY => Ok(0.0),
        t if t == f64::NEG_INFINITY => Ok(1.0),
        t => student_tail(finite(t)?, smaller - 1.0),
    }
}

/// Returns the largest t over all limits. Between two neighbouring values, t is a linear function of the limit divided by the root
/// of a quadratic one, so its only turning point has a closed form.
fn largest_t(sorted: &[f64], own_error: f64) -> f64 {
    let n = sorted.len() as f64;
    let mut best = f64::NEG_INFINITY;
    let (mut sum, mut squares) = (0.0, 0.0);
    for (kept, low) in sorted.iter().enumerate() {
        let rest = n - kept as f64;
        let high = *low;
        let from = if kept == 0 { high } else { sorted[kept - 1] };
        // mean = a + b·limit; squared error = c + d·limit + e·limit².
        let (a, b) = (sum / n, rest / n);
        let scale = n * (n - 1.0);
        let (c, d, e) = (
            (squares - sum * sum / n) / scale + own_error,
            -2.0 * sum * rest / n / scale,
            (rest - rest * rest / n) / scale,
        );
        let turning = (a * d - 2.0 * b * c) / (b * d - 2.0 * a * e);
        for limit in [from, high, turning].into_iter().filter(|limit| (from..=high).contains(limit)) {
            best = best.max(t_at(sorted, limit, own_error));
        }
        sum += low;
        squares += low * low;
    }
    best
}

/// Returns t of the values cut at `limit`.
fn t_at(sorted: &[f64], limit: f64, own_error: f64) -> f64 {
    let n = sorted.len() as f64;
    let cut = |value: &f64| value.min(limit);
    let mean = sorted.iter().map(cut).sum::<f64>() / n;
    let variance = sorted.iter().map(|value| (cut(value) - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (variance / n + own_error).sqrt();
    match mean {
        _ if error > 0.0 => mean / error,
        0.0 => 0.0,
        _ => f64::INFINITY.copysign(mean),
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::mann_whitney::mann_whitney;
    use super::*;
    use crate::sample::tests::sample;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-12, "{found}, expected {expected}");
    }

    #[test]
    fn without_ties_the_rank_tests_are_the_known_ones() {
        let differences = sample(&[0.5, -1.0, 2.0, 3.5, -4.25, 7.0, 6.0]);
        // The ranks of 0.5, 2, 3.5, 6 and 7 among the sizes: 1 + 3 + 4 + 6 + 7.
        let sum_of = |signs: u32| (1..=7).filter(|rank| signs >> (rank - 1) & 1 == 1).sum::<u32>();
        let as_extreme = (0..128).filter(|signs| sum_of(*signs) >= 21).count();
        near(above_zero(&differences), as_extreme as f64 / 128.0);
        let (base, head) = (sample(&[1.0, 2.0, 3.0, 4.0, 9.0]), sample(&[3.5, 5.0, 6.0, 7.0]));
        near(larger_head(&base, &head), mann_whitney(&base, &head).significance.greater);
    }

    #[test]
    fn ties_and_zeros_count_against() {
        near(above_zero(&sample(&[0.0; 8])), 1.0);
        near(above_zero(&sample(&[3.0; 8])), 1.0 / 256.0);
        near(larger_head(&sample(&[5.0; 6]), &sample(&[5.0; 6])), 1.0);
        near(larger_head(&sample(&[5.0; 5]), &sample(&[6.0; 5])), 1.0 / 252.0);
    }

    #[test]
    fn the_approximation_agrees_with_the_exact_value() {
        let values: Vec<f64> =
            (1..=200).map(|at| if at % 5 < 2 { -f64::from(at) } else { f64::from(at) - 0.5 }).collect();
        let exact = above_zero(&sample(&values));
        let more = above_zero(&sample(&[values.as_slice(), &[1e-9]].concat()));
        assert!((exact - more).abs() < 1e-3 && exact < 0.01, "{exact} {more}");
        let of = |n: u32, by: f64| sample(&(0..n).map(|at| f64::from(at * 37 % n) + by).collect::<Vec<_>>());
        let (exact, more) = (larger_head(&of(50, 0.0), &of(50, 6.5)), larger_head(&of(51, 0.0), &of(51, 6.5)));
        assert!((exact - more).abs() < 1e-2 && exact < 0.2, "{exact} {more}");
    }

    #[test]
    fn the_cut_is_the_best_of_many_and_never_worse_than_none() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        for _ in 0..200 {
            let mut values: Vec<f64> = (0..8).map(|_| random.random_range(-1.0..3.0_f64).powi(3)).collect();
            values.sort_by(f64::total_cmp);
            let own = random.random_range(0.01..1.0);
            let (best, whole) = (largest_t(&values, own), t_at(&values, f64::INFINITY, own));
            let steps = (0..=2_000).map(|step| values[0] + (values[7] - values[0]) * f64::from(step) / 2_000.0);
            let searched = steps.map(|limit| t_at(&values, limit, own)).fold(f64::NEG_INFINITY, f64::max);
            assert!(
                best >= whole && best >= searched - 1e-12 && best <= searched + 1e-2 * searched.abs(),
                "{values:?}"
            );
        }
    }

    #[test]
    fn the_cut_hardly_changes_even_scatter() {
        let base = sample(&[2.30, 2.41, 2.28, 2.35, 2.52, 2.33, 2.38, 2.29, 2.44, 2.36]);
        let head = sample(&[2.58, 2.66, 2.49, 2.71, 2.60, 2.55, 2.62, 2.57, 2.64, 2.68]);
        let found = greater_head(&base, &head).unwrap();
        let (one, other) = (Moments::of(&base).unwrap(), Moments::of(&head).unwrap());
        let (first, second) = (one.variance / one.n, other.variance / other.n);
        let df = (first + second).powi(2) / (first.powi(2) / (one.n - 1.0) + second.powi(2) / (other.n - 1.0));
        let known = student_tail((other.mean - one.mean) / (first + second).sqrt(), df).unwrap();
        assert!(found > known / 10.0 && found < 1e-4, "{found} {known}");
    }

    #[test]
    fn samples_without_scatter_are_compared_exactly() {
        let constant = |value: f64| sample(&[value; 6]);
        assert_eq!(greater_head(&constant(5.0), &constant(6.0)), Ok(0.0));
        near(greater_head(&constant(5.0), &constant(5.0)).unwrap(), 0.5);
        assert_eq!(greater_head(&constant(6.0), &constant(5.0)), Ok(1.0));
        assert!(matches!(greater_head(&sample(&[1.0]), &constant(5.0)), Err(Undefined::TooFew { .. })));
    }
}
