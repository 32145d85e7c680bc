//! Values computed with scipy 1.17.1 on two samples of ten rounds.

use crate::{
    Interval, Method, differences, hodges_lehmann, log_ratios, mann_whitney, predict, ratio, shift, sign_flip,
    signed_rank, student, welch,
};

use super::sample;

const BASE: [f64; 10] = [2.30, 2.41, 2.28, 2.35, 2.52, 2.33, 2.38, 2.29, 2.44, 2.36];
const HEAD: [f64; 10] = [2.58, 2.66, 2.49, 2.71, 2.60, 2.55, 2.90, 2.62, 2.57, 2.64];

/// To a relative 10⁻⁹.
#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found}, expected {expected}");
}

/// To an absolute 10⁻⁷, as p-values are compared; those below 10⁻⁴ to a relative 10⁻⁷ beside.
#[track_caller]
fn near_p(found: f64, expected: f64) {
    let most = if expected < 1e-4 { 1e-7 * expected } else { 1e-7 };
    assert!((found - expected).abs() <= most, "{found}, expected {expected}");
}

#[track_caller]
fn near_ends(found: Interval, low: f64, high: f64) {
    near(found.low, low);
    near(found.high, high);
}

#[test]
fn welch_on_values_and_on_logarithms() {
    let found = welch(&sample(&BASE), &sample(&HEAD)).unwrap();
    near(found.t, 6.235_136_171_481_99);
    near(found.df, 15.685_542_655_401_973);
    near_p(found.significance.two_sided, 1.304_337_433_509_119_3e-5);
    near_p(found.significance.greater, 6.521_687_167_545_596e-6);
    near_ends(found.interval, 0.175_414_172_056_843_1, 0.356_585_827_943_157);
    let found = ratio(&sample(&BASE), &sample(&HEAD)).unwrap();
    near(found.t, 6.448_671_152_407_146_5);
    near_p(found.significance.two_sided, 6.511_355_972_775_182_5e-6);
    let geometric = |values: &[f64]| (values.iter().map(|value| value.ln()).sum::<f64>() / 10.0).exp();
    near(found.point, geometric(&HEAD) / geometric(&BASE));
    assert!(found.interval.low < found.point && found.point < found.interval.high);
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
fn paired_tests_and_estimates() {
    let differences = differences(&sample(&BASE), &sample(&HEAD)).unwrap();
    let found = student(&differences).unwrap();
    near(found.t, 6.831_751_109_268_94);
    near_p(found.significance.two_sided, 7.627_973_984_000_506e-5);
    near_ends(found.interval, 0.177_921_000_094_994_2, 0.354_078_999_905_005_9);
    near_p(signed_rank(&differences).significance.two_sided, 0.001_953_125);
    near_p(sign_flip(&differences).two_sided, 0.001_953_125);
    let center = hodges_lehmann(&differences).unwrap();
    near(center.point, 0.265);
    near_ends(center.interval.unwrap(), 0.18, 0.36);
}

#[test]
fn hodges_lehmann_in_per_cent_and_between_samples() {
    let found = hodges_lehmann(&log_ratios(&sample(&BASE), &sample(&HEAD)).unwrap()).unwrap();
    let percent = |log: f64| (log.exp_m1() * 1e5).round() / 1e3;
    let interval = found.interval.unwrap();
    assert_eq!((percent(found.point), percent(interval.low), percent(interval.high)), (11.116, 7.432, 15.319));
    near(shift(&sample(&BASE), &sample(&HEAD)).unwrap().point, 0.26);
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
    for n in 1..=30 {
        assert_eq!(signed_rank(&line(1, n)).significance.two_sided, 2.0 * 0.5_f64.powi(n as i32), "n = {n}");
    }
    for n in 1..=20 {
        assert_eq!(sign_flip(&line(1, n)).two_sided, 2.0 * 0.5_f64.powi(n as i32), "n = {n}");
    }
}
