//! Wilcoxon's signed-rank test.

use serde::{Deserialize, Serialize};

use super::permutation::{normal_tails, sums_of_signs, tails};
use super::ranks::doubled_midranks;
use super::{Method, Sample, Significance};

/// Beyond so many differences the normal approximation is used.
const EXACT: usize = 200;

/// The signed-rank sums and what they say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRank {
    /// Sum of the ranks of the differences above zero.
    pub above: f64,
    /// Sum of the ranks of the differences below zero.
    pub below: f64,
    /// Differences that are exactly zero.
    pub zeros: u64,
    /// Whether the differences lie above or below zero.
    pub significance: Significance,
}

/// Whether paired differences lie around zero, by the ranks of their sizes (F. Wilcoxon, *Individual Comparisons by Ranking
/// Methods*, 1945).
///
/// Equal sizes share the mean of their ranks. Zeros are ranked and then left out (J. W. Pratt, *Remarks on Zeros and Ties in the
/// Wilcoxon Signed Rank Procedures*, 1959): without their ranks, a better value could make the evidence weaker. The p-value is
/// exact for the ranks found, ties and zeros included: it counts the 2ⁿ ways of giving them signs. Beyond 200 differences it is
/// the normal approximation with the variance of these very ranks, Σ rank² ÷ 4, and correction for continuity. All differences
/// zero give p = 1.
pub fn signed_rank(differences: &Sample) -> SignedRank {
    let values = differences.values();
    let sizes: Vec<f64> = values.iter().map(|value| value.abs()).collect();
    let ranked: Vec<(usize, bool)> = doubled_midranks(&sizes)
        .into_iter()
        .zip(values)
        .filter(|(_, value)| **value != 0.0)
        .map(|(rank, value)| (rank, *value > 0.0))
        .collect();
    let ranks: Vec<usize> = ranked.iter().map(|(rank, _)| *rank).collect();
    let above: usize = ranked.iter().filter(|(_, above)| *above).map(|(rank, _)| rank).sum();
    let all: usize = ranks.iter().sum();
    SignedRank {
        above: above as f64 / 2.0,
        below: (all - above) as f64 / 2.0,
        zeros: (values.len() - ranks.len()) as u64,
        significance: significance(&ranks, above),
    }
}

/// Of a sum of doubled ranks. Neighbouring sums are 2 apart without ties, at least 1 with them.
fn significance(ranks: &[usize], above: usize) -> Significance {
    if ranks.len() <= EXACT {
        let (less, greater) = tails(&sums_of_signs(ranks), above);
        return Significance::new(less, greater, Method::Exact);
    }
    let mean = ranks.iter().sum::<usize>() as f64 / 2.0;
    let deviation = ranks.iter().map(|rank| (*rank as f64).powi(2)).sum::<f64>().sqrt() / 2.0;
    let (less, greater) = normal_tails(above as f64, mean, deviation, 2.0);
    Significance::new(less, greater, Method::Normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> SignedRank {
        signed_rank(&Sample::new(values.to_vec()).unwrap())
    }

    #[test]
    fn all_on_one_side_is_one_of_two_to_the_n() {
        let found = of(&[0.5, 1.0, 2.0, 3.0, 4.0, 7.0]);
        assert_eq!((found.above, found.below, found.zeros), (21.0, 0.0, 0));
        let p = found.significance;
        assert_eq!((p.greater, p.less, p.two_sided, p.method), (1.0 / 64.0, 1.0, 2.0 / 64.0, Method::Exact));
    }

    #[test]
    fn ties_and_zeros_keep_their_ranks() {
        // Sizes 0, 1, 1, 2 have ranks 1, 2.5, 2.5, 4. Of the eight sums of 2.5, 2.5 and 4, three are at least 6.5.
        let found = of(&[2.0, 0.0, -1.0, 1.0]);
        assert_eq!((found.above, found.below, found.zeros), (6.5, 2.5, 1));
        let p = found.significance;
        assert_eq!((p.greater, p.less, p.two_sided), (3.0 / 8.0, 7.0 / 8.0, 6.0 / 8.0));
    }

    #[test]
    fn nothing_but_zeros_is_no_evidence() {
        let p = of(&[0.0, -0.0, 0.0]).significance;
        assert_eq!((p.greater, p.less, p.two_sided), (1.0, 1.0, 1.0));
        let p = of(&[0.0; 300]).significance;
        assert_eq!((p.greater, p.less, p.two_sided), (1.0, 1.0, 1.0));
    }

    #[test]
    fn the_approximation_meets_the_exact_value() {
        for tie in [1.0, 7.0] {
            let values = |n: usize| -> Vec<f64> {
                let sign = |at: usize| if at * at % 23 < 10 { -1.0 } else { 1.0 };
                (1..=n).map(|at| sign(at) * (at as f64 / tie).ceil()).collect()
            };
            let ranks = doubled_midranks(&values(200).iter().map(|value| value.abs()).collect::<Vec<_>>());
            let above: usize =
                ranks.iter().zip(values(200)).filter(|(_, value)| *value > 0.0).map(|(rank, _)| rank).sum();
            let exact = significance(&ranks, above);
            let mut more = ranks.clone();
            more.push(0);
            let normal = significance(&more, above);
            assert_eq!((exact.method, normal.method), (Method::Exact, Method::Normal));
            assert!(exact.two_sided < 0.9 && (exact.two_sided - normal.two_sided).abs() < 1e-3, "{exact:?} {normal:?}");
        }
    }
}
