//! Exact null distributions of rank sums by dynamic programming, with their tails and cutoffs.

use super::distribution::{normal_quantile, normal_tail};
use super::estimate::LEAST_COVERAGE;

/// Returns the probability of each sum of ranks when each rank is included with probability ½: position s holds P(sum = s).
pub(super) fn sums_of_signs(ranks: &[usize]) -> Vec<f64> {
    let mut share = vec![0.0; ranks.iter().sum::<usize>() + 1];
    share[0] = 1.0;
    let mut reached = 0;
    for rank in ranks {
        reached += rank;
        for sum in (0..=reached).rev() {
            let with = if sum >= *rank { share[sum - rank] } else { 0.0 };
            share[sum] = 0.5 * (share[sum] + with);
        }
    }
    share
}

/// Returns the probability of each sum of `size` of these ranks when all choices are equally likely: position s holds P(sum = s).
/// The counts are exact up to 2⁵³; above, their relative error stays near 10⁻¹⁴ because they are only added.
pub(super) fn sums_of_subsets(ranks: &[usize], size: usize) -> Vec<f64> {
    let mut largest = ranks.to_vec();
    largest.sort_unstable_by(|one, other| other.cmp(one));
    let width = largest.iter().take(size).sum::<usize>() + 1;
    let mut counts = vec![vec![0.0; width]; size + 1];
    counts[0][0] = 1.0;
    for (seen, rank) in ranks.iter().enumerate() {
        for chosen in (1..=size.min(seen + 1)).rev() {
            let (fewer, these) = counts.split_at_mut(chosen);
            let (from, to) = (&fewer[chosen - 1], &mut these[0]);
            to.iter_mut().skip(*rank).zip(from).for_each(|(count, add)| *count += add);
        }
    }
    let mut share = counts.swap_remove(size);
    let all: f64 = share.iter().sum();
    share.iter_mut().for_each(|count| *count /= all);
    share
}

/// Returns the probability of each number of pairs in which the value of the first sample is larger, without ties: position u holds
/// P(U = u).
pub(super) fn untied_u(first: usize, second: usize) -> Vec<f64> {
    let size = first.min(second);
    let ranks: Vec<usize> = (1..=first + second).collect();
    sums_of_subsets(&ranks, size).split_off(size * (size + 1) / 2)
}

/// Returns P(sum ≤ observed) and P(sum ≥ observed).
pub(super) fn tails(share: &[f64], observed: usize) -> (f64, f64) {
    (share[..=observed].iter().sum(), share[observed..].iter().sum())
}

/// Returns the largest k (from 1) for which the k-th smallest and the k-th largest value enclose the true value with at least 95 %,
/// and that coverage: 1 − 2 P(sum < k).
pub(super) fn cutoff(share: &[f64]) -> Option<(usize, f64)> {
    let mut below = 0.0;
    let mut best = None;
    for (sum, probability) in share.iter().enumerate() {
        below += probability;
        let coverage = 1.0 - 2.0 * below;
        if coverage < LEAST_COVERAGE {
            break;
        }
        best = Some((sum + 1, coverage));
    }
    best
}

/// Returns the same by the normal approximation with correction for continuity.
pub(super) fn normal_cutoff(mean: f64, deviation: f64) -> Option<(usize, f64)> {
    let z = normal_quantile(f64::midpoint(1.0, LEAST_COVERAGE));
    let rank = (mean + 0.5 - z * deviation).floor();
    let coverage = 1.0 - 2.0 * normal_tail((mean + 0.5 - rank) / deviation);
    (rank >= 1.0).then_some((rank as usize, coverage))
}

/// Returns P(sum ≤ observed) and P(sum ≥ observed) by the normal approximation; neighbouring sums are `step` apart.
pub(super) fn normal_tails(observed: f64, mean: f64, deviation: f64, step: f64) -> (f64, f64) {
    if deviation == 0.0 {
        return (1.0, 1.0);
    }
    let tail = |distance: f64| normal_tail((distance - step / 2.0) / deviation);
    (tail(mean - observed), tail(observed - mean))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of all subsets for which `counts` says yes, by enumeration.
    fn enumerated(ranks: &[usize], counts: impl Fn(u32) -> bool) -> Vec<f64> {
        let mut share = vec![0.0; ranks.iter().sum::<usize>() + 1];
        let subsets: Vec<u32> = (0..1_u32 << ranks.len()).filter(|subset| counts(subset.count_ones())).collect();
        for subset in &subsets {
            let sum: usize = (0..ranks.len()).filter(|at| subset >> at & 1 == 1).map(|at| ranks[at]).sum();
            share[sum] += 1.0 / subsets.len() as f64;
        }
        share
    }

    #[test]
    fn counting_agrees_with_enumeration() {
        for ranks in [vec![2, 4, 6, 8, 10, 12, 14], vec![3, 3, 6, 9, 9, 12, 15], vec![8; 8], vec![1], vec![0, 0, 5, 7]]
        {
            let close = |found: &[f64], expected: &[f64]| {
                assert!(expected[found.len()..].iter().all(|share| *share == 0.0), "{ranks:?}");
                assert!(found.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-14), "{ranks:?}");
            };
            close(&sums_of_signs(&ranks), &enumerated(&ranks, |_| true));
            for size in 0..=ranks.len() {
                close(&sums_of_subsets(&ranks, size), &enumerated(&ranks, |chosen| chosen == size as u32));
            }
        }
    }

    #[test]
    fn signed_rank_cutoffs_are_those_of_the_tables() {
        let table = [
            (6, 1, 0.969),
            (7, 3, 0.953),
            (8, 4, 0.961),
            (9, 6, 0.961),
            (10, 9, 0.951),
            (11, 11, 0.958),
            (12, 14, 0.958),
            (13, 18, 0.952),
            (14, 22, 0.951),
            (15, 26, 0.952),
        ];
        for (n, expected, coverage) in table {
            let (rank, real) = cutoff(&sums_of_signs(&(1..=n).collect::<Vec<_>>())).unwrap();
            assert_eq!(rank, expected, "n = {n}");
            assert!((real - coverage).abs() < 6e-4, "n = {n}: {real}");
        }
        assert_eq!((1..6).find_map(|n| cutoff(&sums_of_signs(&(1..=n).collect::<Vec<_>>()))), None);
    }

    #[test]
    fn rank_sum_cutoffs_are_those_of_the_tables() {
        // Critical values of U for 5 % two-sided, as tabled: U ≤ 0, 2, 5, 8, 13, 17, 23; the cutoff is one more.
        for (n, critical) in [(4, 0), (5, 2), (6, 5), (7, 8), (8, 13), (9, 17), (10, 23)] {
            assert_eq!(cutoff(&untied_u(n, n)).unwrap().0, critical + 1, "n = {n}");
        }
        assert_eq!(cutoff(&untied_u(3, 3)), None);
        assert_eq!(untied_u(2, 3).len(), 7);
    }

    #[test]
    fn the_approximation_agrees_with_the_exact_cutoff() {
        let exact = cutoff(&sums_of_signs(&(1..=200).collect::<Vec<_>>())).unwrap();
        let normal = normal_cutoff(200.0 * 201.0 / 4.0, (200.0_f64 * 201.0 * 401.0 / 24.0).sqrt()).unwrap();
        assert!(exact.0.abs_diff(normal.0) <= 5, "{exact:?} {normal:?}");
        assert!((exact.1 - normal.1).abs() < 1e-3, "{exact:?} {normal:?}");
        assert_eq!(normal_cutoff(1.0, 10.0), None);
    }
}
