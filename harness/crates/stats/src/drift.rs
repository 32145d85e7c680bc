//! Tests of the order of the rounds: whether values drift, and whether they depend on which arm goes first.

use serde::{Deserialize, Serialize};

use super::mann_whitney::{MannWhitney, mann_whitney};
use super::permutation::{normal_tails, tails, untied_u};
use super::ranks::groups;
use super::sample::Sample;
use super::shift::{Shift, shift};
use super::significance::{Method, Significance};
use super::undefined::Undefined;

/// The largest number of values for which the test is exact. Above it, the normal approximation is used.
const EXACT: usize = 60;

/// The fewest values that can drift.
const FEWEST: usize = 3;

/// The result of a test for drift.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Kendall's τ-b of value against position, in [−1, 1]: 1 when each value is above all earlier ones.
    pub tau: f64,
    /// `greater`: the values rise; `less`: they fall.
    pub significance: Significance,
}

/// Tests whether the values rise or fall in the order of the rounds (H. B. Mann, *Nonparametric Tests Against Trend*, 1945; M. G.
/// Kendall, *Rank Correlation Methods*, 1948).
///
/// Counts the pairs of rounds whose later value is larger, and those whose later value is smaller. Under the null hypothesis all
/// orders are equally likely. Up to 60 rounds the p-value counts all of them, ties included; above, it is the normal approximation
/// with Kendall's correction for ties and for continuity.
///
/// # Errors
/// [`Undefined::TooFew`] below three values, [`Undefined::Constant`] when all are equal.
pub fn drift(sample: &Sample) -> Result<Drift, Undefined> {
    let values = sample.values();
    if values.len() < FEWEST {
        return Err(Undefined::TooFew { needed: FEWEST, found: values.len() });
    }
    let groups = groups(values);
    if groups.len() == 1 {
        return Err(Undefined::Constant);
    }
    let pairs = |size: usize| size * (size - 1) / 2;
    let later = |at: usize| values[at + 1..].iter().map(move |later| (values[at], *later));
    let (mut rising, mut falling) = (0, 0);
    for (earlier, later) in (0..values.len()).flat_map(later) {
        rising += usize::from(later > earlier);
        falling += usize::from(later < earlier);
    }
    let score = rising as f64 - falling as f64;
    let untied = (rising + falling) as f64;
    let tau = score / (pairs(values.len()) as f64 * untied).sqrt();
    let significance = if values.len() <= EXACT {
        let (rises, falls) = tails(&inversions(&groups), falling);
        Significance::new(falls, rises, Method::Exact)
    } else {
        let (less, greater) = normal_tails(score, 0.0, deviation(values.len(), &groups), 2.0);
        Significance::new(less, greater, Method::Normal)
    };
    Ok(Drift { tau: tau.clamp(-1.0, 1.0), significance })
}

/// Returns the probability of each number of falling pairs when all orders are equally likely. When `size` equal values join `seen`
/// smaller ones, the falling pairs between them are a Mann–Whitney count that is independent of the earlier ones.
fn inversions(groups: &[usize]) -> Vec<f64> {
    let mut share = vec![1.0];
    let mut seen = 0;
    for size in groups {
        share = convolved(&share, &untied_u(seen, *size));
        seen += size;
    }
    share
}

/// Returns the distribution of the sum of two independent counts.
fn convolved(one: &[f64], other: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; one.len() + other.len() - 1];
    for (at, first) in one.iter().enumerate() {
        sum[at..].iter_mut().zip(other).for_each(|(share, second)| *share += first * second);
    }
    sum
}

/// Returns the standard deviation of the number of rising minus falling pairs, with Kendall's correction for ties.
fn deviation(n: usize, groups: &[usize]) -> f64 {
    let term = |size: usize| (size * (size - 1) * (2 * size + 5)) as f64;
    ((term(n) - groups.iter().map(|size| term(*size)).sum::<f64>()) / 18.0).sqrt()
}

/// The result of a test for an effect of the order of the arms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderEffect {
    /// The shift from rounds in which the direct arm went first to those in which the proxied arm did, in the metric's unit.
    pub shift: Shift,
    /// `greater`: values are greater when the proxied arm goes first.
    pub test: MannWhitney,
}

/// Tests whether the values of rounds depend on which arm went first, by [`shift`] and [`mann_whitney()`] between the two kinds of
/// rounds. `direct_first` says for each round whether the direct arm went first. An effect of the previous arm would shift every
/// difference; the alternating order makes it visible here.
///
/// # Errors
/// [`Undefined::Unpaired`] when there is not one order for each value, [`Undefined::TooFew`] when all rounds have the same order,
/// and those of [`shift`].
pub fn order_effect(sample: &Sample, direct_first: &[bool]) -> Result<OrderEffect, Undefined> {
    let values = sample.values();
    if values.len() != direct_first.len() {
        return Err(Undefined::Unpaired { base: values.len(), head: direct_first.len() });
    }
    let rounds = |kind: bool| {
        let chosen = values.iter().zip(direct_first).filter(|(_, direct)| **direct == kind);
        Sample::new(chosen.map(|(value, _)| *value).collect()).map_err(|_| Undefined::TooFew { needed: 1, found: 0 })
    };
    let (direct, proxied) = (rounds(true)?, rounds(false)?);
    Ok(OrderEffect { shift: shift(&direct, &proxied)?, test: mann_whitney(&direct, &proxied) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::sample;

    /// Falling pairs of every order of these values, by enumeration.
    fn enumerated(values: &mut Vec<f64>, fixed: usize, counts: &mut Vec<f64>) {
        if fixed == values.len() {
            let pairs = (0..values.len()).flat_map(|at| values[at + 1..].iter().map(move |later| (at, *later)));
            let falling = pairs.filter(|(at, later)| *later < values[*at]).count();
            counts.resize(counts.len().max(falling + 1), 0.0);
            counts[falling] += 1.0;
        }
        for at in fixed..values.len() {
            values.swap(fixed, at);
            enumerated(values, fixed + 1, counts);
            values.swap(fixed, at);
        }
    }

    #[test]
    fn falling_pairs_are_counted_as_enumeration_does() {
        for mut values in [vec![1.0, 2.0, 3.0, 4.0, 5.0], vec![1.0, 1.0, 2.0, 3.0, 3.0, 3.0], vec![2.0, 2.0, 1.0]] {
            let mut counts = Vec::new();
            enumerated(&mut values, 0, &mut counts);
            let orders: f64 = counts.iter().sum();
            let found = inversions(&groups(&values));
            assert_eq!(found.len(), counts.len());
            assert!(found.iter().zip(counts).all(|(share, count)| (share - count / orders).abs() < 1e-15));
        }
    }

    #[test]
    fn the_correction_for_ties_is_the_deviation_of_the_exact_distribution() {
        for groups in [vec![1; 12], vec![1, 2, 3, 4, 5], vec![7, 7], vec![1, 30, 1]] {
            let share = inversions(&groups);
            let moment =
                |power| share.iter().zip(0..).map(|(share, at)| share * f64::from(at).powi(power)).sum::<f64>();
            // Rising less falling pairs move by two where falling ones move by one.
            let exact = 4.0 * (moment(2) - moment(1).powi(2));
            let found = deviation(groups.iter().sum(), &groups).powi(2);
            assert!((found / exact - 1.0).abs() < 1e-9, "{groups:?}: {found}, expected {exact}");
        }
    }

    #[test]
    fn a_steady_rise_is_one_order_of_all() {
        let found = drift(&sample(&[1.0, 2.0, 3.0, 4.0, 5.0])).unwrap();
        assert_eq!(found.tau, 1.0);
        assert!((found.significance.greater - 1.0 / 120.0).abs() < 1e-15);
        assert!((found.significance.two_sided - 2.0 / 120.0).abs() < 1e-15);
        let falling = drift(&sample(&[5.0, 4.0, 3.0, 2.0, 1.0])).unwrap();
        assert_eq!((falling.tau, falling.significance.less), (-1.0, found.significance.greater));
    }

    #[test]
    fn the_approximation_agrees_with_the_exact_value() {
        for tie in [1.0, 4.0] {
            let values: Vec<f64> = (0..60).map(|at| (f64::from(at * 37 % 60 + at / 2) / tie).floor()).collect();
            let found = drift(&sample(&values)).unwrap();
            let score = found.tau * (1770.0 * untied(&values)).sqrt();
            let (_, greater) = normal_tails(score, 0.0, deviation(60, &groups(&values)), 2.0);
            assert!((found.significance.greater - greater).abs() < 2e-3, "{found:?} {greater}");
            assert!(found.significance.two_sided < 0.99);
        }
        let long: Vec<f64> = (0..61).map(f64::from).collect();
        assert_eq!(drift(&sample(&long)).unwrap().significance.method, Method::Normal);
    }

    fn untied(values: &[f64]) -> f64 {
        (1770 - groups(values).iter().map(|size| size * (size - 1) / 2).sum::<usize>()) as f64
    }

    #[test]
    fn too_few_or_equal_values_are_refused() {
        assert_eq!(drift(&sample(&[1.0, 2.0])), Err(Undefined::TooFew { needed: 3, found: 2 }));
        assert_eq!(drift(&sample(&[1.0; 8])), Err(Undefined::Constant));
    }

    #[test]
    fn an_order_effect_is_found_in_alternating_rounds() {
        let values = sample(&[1.0, 11.0, 2.0, 12.0, 3.0, 13.0, 4.0, 14.0]);
        let order: Vec<bool> = (0..8).map(|round| round % 2 == 0).collect();
        let found = order_effect(&values, &order).unwrap();
        assert_eq!(found.shift.point, 10.0);
        assert!((found.test.significance.greater - 1.0 / 70.0).abs() < 1e-15);
        assert_eq!(order_effect(&values, &order[1..]), Err(Undefined::Unpaired { base: 8, head: 7 }));
        assert_eq!(order_effect(&values, &[true; 8]), Err(Undefined::TooFew { needed: 1, found: 0 }));
    }
}
