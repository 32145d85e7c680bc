//! The Mann–Whitney test.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::permutation::{sums_of_subsets, tails};
use super::ranks::doubled_midranks;
use super::sample::Sample;
use super::significance::{Method, Significance};

/// The largest number of values in both samples for which the test is exact. Above it, arrangements are drawn.
const EXACT: usize = 100;

const DRAWS: u32 = 20_000;

/// The seed of the drawn arrangements. It is fixed, so that a stored record always gets the same judgement.
const SEED: u64 = 0x6d61_6e6e_7768_6901;

/// The result of a Mann–Whitney test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MannWhitney {
    /// The number of pairs in which the value of head is larger; a tied pair counts one half.
    pub u: f64,
    /// The share of such pairs, in [0, 1]; 0.5 when neither sample tends to be larger.
    pub share: f64,
    pub significance: Significance,
}

/// Tests whether values of head tend to be larger or smaller than those of base (H. B. Mann and D. R. Whitney, *On a Test of Whether
/// one of Two Random Variables is Stochastically Larger than the Other*, 1947).
///
/// Equal values share the mean of their ranks. The p-value is exact for these ranks, ties included: of all ways to choose which of
/// them belong to head, it counts those whose rank sum is at least as extreme. Above 100 values in both samples together, 20,000
/// ways are drawn with a fixed seed. When all values are equal, p = 1.
pub fn mann_whitney(base: &Sample, head: &Sample) -> MannWhitney {
    let (first, second) = (base.values().len(), head.values().len());
    let values: Vec<f64> = head.values().iter().chain(base.values()).copied().collect();
    let ranks = doubled_midranks(&values);
    let sum: usize = ranks[..second].iter().sum();
    let u = (sum - second * (second + 1)) as f64 / 2.0;
    let significance = if first + second <= EXACT { counted(&ranks, second) } else { drawn(ranks, second) };
    MannWhitney { u, share: u / (first * second) as f64, significance }
}

/// Counts the arrangements of the smaller sample.
fn counted(ranks: &[usize], head: usize) -> Significance {
    let (ours, others) = ranks.split_at(head);
    let smaller = if ours.len() <= others.len() { ours } else { others };
    let (less, greater) = tails(&sums_of_subsets(ranks, smaller.len()), smaller.iter().sum());
    let (less, greater) = if ours.len() <= others.len() { (less, greater) } else { (greater, less) };
    Significance::new(less, greater, Method::Exact)
}

fn drawn(mut ranks: Vec<usize>, head: usize) -> Significance {
    let observed: usize = ranks[..head].iter().sum();
    // The order of the values must not affect the draws.
    ranks.sort_unstable();
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let (mut less, mut greater) = (0, 0);
    for _ in 0..DRAWS {
        let (chosen, _) = ranks.partial_shuffle(&mut random, head);
        let sum: usize = chosen.iter().sum();
        less += u32::from(sum <= observed);
        greater += u32::from(sum >= observed);
    }
    Significance::drawn(less, greater, DRAWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(base: &[f64], head: &[f64]) -> MannWhitney {
        mann_whitney(&Sample::new(base.to_vec()).unwrap(), &Sample::new(head.to_vec()).unwrap())
    }

    #[test]
    fn separate_samples_are_one_choice_of_all() {
        let found = of(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]);
        assert_eq!((found.u, found.share), (9.0, 1.0));
        let p = found.significance;
        assert!((p.greater - 1.0 / 20.0).abs() < 1e-15 && (p.two_sided - 0.1).abs() < 1e-15);
        assert!((p.less - 1.0).abs() < 1e-15);
    }

    #[test]
    fn unequal_sizes_are_counted_from_the_smaller_side() {
        let (one, other) = (of(&[3.0], &[1.0, 2.0, 4.0, 5.0]), of(&[1.0, 2.0, 4.0, 5.0], &[3.0]));
        assert_eq!((one.u, other.u), (2.0, 2.0));
        assert_eq!(one.significance, other.significance);
        let (low, high) = (of(&[0.0], &[1.0, 2.0, 4.0, 5.0]), of(&[1.0, 2.0, 4.0, 5.0], &[0.0]));
        assert!((low.significance.greater - 0.2).abs() < 1e-15);
        assert_eq!(low.significance.greater, high.significance.less);
    }

    #[test]
    fn equal_values_are_no_evidence() {
        let found = of(&[5.0; 4], &[5.0; 7]);
        assert_eq!((found.share, found.significance.two_sided), (0.5, 1.0));
        let found = of(&[5.0; 60], &[5.0; 70]);
        assert_eq!((found.share, found.significance.two_sided), (0.5, 1.0));
    }

    #[test]
    fn drawing_agrees_with_counting() {
        let values = |n: i32, add: i32| -> Vec<f64> { (0..n).map(|at| f64::from(at * at % 37 + add)).collect() };
        let (base, head) = (values(50, 0), values(50, 4));
        let ranks = doubled_midranks(&head.iter().chain(&base).copied().collect::<Vec<_>>());
        let (exact, drawn) = (counted(&ranks, 50), drawn(ranks, 50));
        assert_eq!(exact, of(&base, &head).significance);
        assert!(exact.two_sided > 0.01 && exact.two_sided < 0.9, "{exact:?}");
        assert!((exact.greater - drawn.greater).abs() < 0.015, "{exact:?} {drawn:?}");
        assert!((exact.less - drawn.less).abs() < 0.015, "{exact:?} {drawn:?}");
        assert_eq!(of(&values(60, 0), &values(60, 4)).significance.method, Method::MonteCarlo(20_000));
    }
}
