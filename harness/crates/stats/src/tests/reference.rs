//! Values computed with scipy 1.17.1 on two samples of ten rounds.

use crate::{Method, differences, mann_whitney, predict, shift};

use super::sample;

const BASE: [f64; 10] = [2.30, 2.41, 2.28, 2.35, 2.52, 2.33, 2.38, 2.29, 2.44, 2.36];
const HEAD: [f64; 10] = [2.58, 2.66, 2.49, 2.71, 2.60, 2.55, 2.90, 2.62, 2.57, 2.64];

/// Compares to a relative 10⁻⁹.
#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found}, expected {expected}");
}

/// Compares p-values to an absolute 10⁻⁷, and those below 10⁻⁴ also to a relative 10⁻⁷.
#[track_caller]
fn near_p(found: f64, expected: f64) {
    let most = if expected < 1e-4 { 1e-7 * expected } else { 1e-7 };
    assert!((found - expected).abs() <= most, "{found}, expected {expected}");
}

#[test]
fn mann_whitney_with_and_without_ties() {
    let found = mann_whitney(&sample(&BASE), &sample(&HEAD));
    assert_eq!((found.u, found.significance.method), (99.0, Method::Exact));
    near_p(found.significance.two_sided, 2.165_017_644_893_806e-5);
    let found = mann_whitney(&sample(&[1.0, 2.0, 3.0]), &sample(&[4.0, 5.0, 6.0]));
    near_p(found.significance.two_sided, 0.1);
    let tied = mann_whitney(&sample(&[1.0, 2.0, 3.0, 3.0, 2.0]), &sample(&[3.0, 3.0, 4.0, 5.0, 5.0]));
    assert_eq!(tied.u, 23.0);
    near_p(tied.significance.two_sided, 12.0 / 252.0);
    near_p(tied.significance.greater, 6.0 / 252.0);
}

#[test]
fn the_shift_and_the_differences_of_pairs() {
    near(shift(&sample(&BASE), &sample(&HEAD)).unwrap().point, 0.26);
    let change = differences(&sample(&BASE), &sample(&HEAD)).unwrap();
    near(change.values().iter().sum(), 2.66);
}

#[test]
fn one_new_value_against_seven() {
    let found = predict(&sample(&[100.0, 103.0, 98.0, 101.0, 99.0, 104.0, 97.0]), 112.0, 0.95).unwrap();
    near(found.t, 4.274_545_488_170_032);
    near_p(found.significance.greater, 0.002_618_432_976_036_353);
    near(found.high, 105.610_951_568_442_83);
    near(found.mean, 702.0 / 7.0);
}

#[test]
fn the_smallest_possible_p_values_are_those_of_the_tables() {
    let line = |from: usize, n: usize| sample(&(from..from + n).map(|value| value as f64).collect::<Vec<_>>());
    for (n, expected) in [(4, 0.028_571), (5, 0.007_937), (6, 0.002_165)] {
        let p = mann_whitney(&line(0, n), &line(100, n)).significance.two_sided;
        assert!((p - expected).abs() < 1e-6, "{n}: {p}");
    }
}
