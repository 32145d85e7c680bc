//! Properties that hold for every sample.

use crate::{
    Estimate, Interval, Sample, Significance, Undefined, above_zero, benjamini_hochberg, differences, drift,
    greater_head, larger_head, log_ratios, mann_whitney, order_effect, predict, shift,
};
use proptest::collection::vec;
use proptest::prelude::*;

use super::sample;

/// The results of all procedures for two samples of equal size.
struct Answers {
    p_values: Vec<(&'static str, Significance)>,
    /// Points and intervals, in the unit of the values.
    shifts: Vec<(&'static str, f64, Option<Interval>)>,
    /// The same as ratios.
    ratios: Vec<(&'static str, f64, Option<Interval>)>,
}

fn answers(base: &Sample, head: &Sample) -> Answers {
    let logs = log_ratios(base, head).unwrap();
    let mut found = Answers { p_values: Vec::new(), shifts: Vec::new(), ratios: Vec::new() };
    found.p_values.push(("mann whitney", mann_whitney(base, head).significance));
    let between = shift(base, head).unwrap();
    found.shifts.push(("shift", between.point, between.interval));
    let center = Estimate::median(&logs);
    let as_ratio = |interval: Interval| Interval { low: interval.low.exp(), high: interval.high.exp(), ..interval };
    found.ratios.push(("median ratio", center.point.exp(), center.interval.map(as_ratio)));
    found
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1e-3)
}

fn close_interval(one: Option<Interval>, other: Option<Interval>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            close(one.low, other.low) && close(one.high, other.high) && close(one.coverage, other.coverage)
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn close_p(one: &Significance, other: &Significance) -> bool {
    one.method == other.method
        && close(one.greater, other.greater)
        && close(one.less, other.less)
        && close(one.two_sided, other.two_sided)
}

/// Generates rounds of base and head, on a coarse or a fine grid, sometimes with many ties or all equal.
fn rounds() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let grid = (1_u32..6).prop_map(f64::from);
    let fine = (10_u32..100_000).prop_map(|value| f64::from(value) / 1_000.0);
    let alike = (1_u32..3).prop_map(f64::from);
    prop_oneof![
        vec((grid.clone(), grid), 2..14),
        vec((fine.clone(), fine), 2..24),
        vec((alike.clone(), alike), 2..10),
        (1_u32..9, 2_usize..9).prop_map(|(value, n)| vec![(f64::from(value), f64::from(value)); n]),
    ]
}

fn split(rounds: &[(f64, f64)]) -> (Sample, Sample) {
    let (base, head): (Vec<f64>, Vec<f64>) = rounds.iter().copied().unzip();
    (sample(&base), sample(&head))
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }
}

/// Asserts that both results are the same.
fn same(one: &Answers, other: &Answers) -> Result<(), TestCaseError> {
    prop_assert_eq!(one.p_values.len(), other.p_values.len());
    for ((name, one), (_, other)) in one.p_values.iter().zip(&other.p_values) {
        prop_assert!(close_p(one, other), "{name}: {one:?} {other:?}");
    }
    for (one, other) in [(&one.shifts, &other.shifts), (&one.ratios, &other.ratios)] {
        for ((name, one, within), (_, other, other_within)) in one.iter().zip(other) {
            prop_assert!(close(*one, *other) && close_interval(*within, *other_within), "{name}: {one} {other}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn p_values_are_probabilities_and_intervals_hold_their_points(rounds in rounds()) {
        let (base, head) = split(&rounds);
        let found = answers(&base, &head);
        for (name, p) in &found.p_values {
            for value in [p.greater, p.less, p.two_sided] {
                prop_assert!((0.0..=1.0).contains(&value), "{name}: {p:?}");
            }
            prop_assert!(p.greater + p.less >= 1.0 - 1e-12, "{name}: {p:?}");
        }
        for (name, point, interval) in found.shifts.iter().chain(&found.ratios) {
            prop_assert!(point.is_finite(), "{name}");
            if let Some(interval) = interval {
                prop_assert!(interval.low <= *point && *point <= interval.high, "{name}: {point} {interval:?}");
                prop_assert!((0.95..=1.0).contains(&interval.coverage), "{name}");
            }
        }
    }

    #[test]
    fn swapping_the_samples_mirrors(rounds in rounds()) {
        let (base, head) = split(&rounds);
        let (there, back) = (answers(&base, &head), answers(&head, &base));
        for ((name, there), (_, back)) in there.p_values.iter().zip(&back.p_values) {
            let mirrored = Significance { greater: back.less, less: back.greater, ..*back };
            prop_assert!(close_p(there, &mirrored), "{name}: {there:?} {back:?}");
        }
        for ((name, point, interval), (_, back, mirrored)) in there.shifts.iter().zip(&back.shifts) {
            let mirrored = mirrored.map(|found| Interval { low: -found.high, high: -found.low, ..found });
            prop_assert!(close(*point, -back) && close_interval(*interval, mirrored), "{name}: {point} {back}");
        }
        for ((name, point, interval), (_, back, mirrored)) in there.ratios.iter().zip(&back.ratios) {
            let mirrored = mirrored.map(|found| Interval { low: 1.0 / found.high, high: 1.0 / found.low, ..found });
            prop_assert!(close(*point, 1.0 / back) && close_interval(*interval, mirrored), "{name}: {point} {back}");
        }
    }

    #[test]
    fn the_unit_changes_no_p_value_and_scales_the_rest(rounds in rounds(), factor in prop_oneof![Just(1e-6), Just(1e9), 0.001..1000.0]) {
        let scaled: Vec<(f64, f64)> = rounds.iter().map(|(base, head)| (base * factor, head * factor)).collect();
        let ((base, head), (scaled_base, scaled_head)) = (split(&rounds), split(&scaled));
        let mut found = answers(&scaled_base, &scaled_head);
        for (_, point, interval) in &mut found.shifts {
            *point /= factor;
            if let Some(interval) = interval {
                interval.low /= factor;
                interval.high /= factor;
            }
        }
        same(&answers(&base, &head), &found)?;
    }

    #[test]
    fn the_order_of_the_rounds_decides_nothing(mut rounds in rounds(), turn in 0_usize..30) {
        let (base, head) = split(&rounds);
        let before = answers(&base, &head);
        let turn = turn % rounds.len();
        rounds.rotate_left(turn);
        rounds.swap(0, turn);
        let (base, head) = split(&rounds);
        same(&before, &answers(&base, &head))?;
    }

    #[test]
    fn one_worse_value_never_weakens_the_evidence(rounds in rounds(), which in 0_usize..30, worse in 0.0_f64..200.0) {
        let (base, head) = split(&rounds);
        let mut later = head.values().to_vec();
        later[which % rounds.len()] += worse;
        let later = sample(&later);
        let change = |head: &Sample| above_zero(&differences(&base, head).unwrap());
        prop_assert!(change(&later) <= change(&head) + 1e-9);
        prop_assert!(larger_head(&base, &later) <= larger_head(&base, &head) + 1e-9);
        let (before, after) = (greater_head(&base, &head).unwrap(), greater_head(&base, &later).unwrap());
        prop_assert!(after <= before + 1e-9, "{before} {after}");
        prop_assert!(mann_whitney(&base, &later).share >= mann_whitney(&base, &head).share);
        let point = |head: &Sample| shift(&base, head).unwrap().point;
        prop_assert!(point(&later) >= point(&head) - 1e-9);
    }

    #[test]
    fn without_ties_one_worse_value_is_never_better_by_mann_whitney(
        base in vec(0_u32..40, 2..10), head in vec(0_u32..40, 2..10), which in 0_usize..30, worse in 0_u32..40,
    ) {
        // Odd and even thirds of a millionth keep all values apart.
        let apart = |values: &[u32], odd: u32| -> Vec<f64> {
            values.iter().zip(0_u32..).map(|(value, at)| f64::from(*value) + f64::from(2 * at + odd) * 1e-6).collect()
        };
        let (base, head) = (sample(&apart(&base, 0)), apart(&head, 1));
        let mut later = head.clone();
        later[which % head.len()] += f64::from(worse);
        let (before, after) = (mann_whitney(&base, &sample(&head)), mann_whitney(&base, &sample(&later)));
        prop_assert!(after.significance.less >= before.significance.less - 1e-12);
        prop_assert!(after.significance.greater <= before.significance.greater + 1e-12);
    }

    #[test]
    fn history_answers_are_finite_and_one_sided_as_asked(history in vec(1_u32..9, 1..12), value in 0.0_f64..20.0) {
        let history = sample(&history.into_iter().map(f64::from).collect::<Vec<_>>());
        let constant = history.values().iter().all(|value| *value == history.values()[0]);
        match predict(&history, value, 0.95) {
            Err(reason) if history.values().len() < 2 => prop_assert_eq!(reason, Undefined::TooFew { needed: 2, found: 1 }),
            Err(reason) => prop_assert!(constant && reason == Undefined::Constant),
            Ok(found) => {
                prop_assert!(!constant && found.low < found.mean && found.mean < found.high && found.t.is_finite());
                let (p, beyond) = (found.significance.greater, value > found.high);
                prop_assert!((p - 0.05).abs() < 1e-9 || (p < 0.05) == beyond, "{found:?}");
            }
        }
    }

    #[test]
    fn drift_turns_with_the_values_and_with_time(values in vec(0_u32..12, 3..70)) {
        let ahead: Vec<f64> = values.into_iter().map(f64::from).collect();
        let turned: Vec<f64> = ahead.iter().map(|value| -value).collect();
        let back: Vec<f64> = ahead.iter().rev().copied().collect();
        match (drift(&sample(&ahead)), drift(&sample(&turned)), drift(&sample(&back))) {
            (Ok(ahead), Ok(turned), Ok(back)) => {
                let mirrored = Significance {
                    greater: turned.significance.less, less: turned.significance.greater, ..turned.significance
                };
                prop_assert!(close(ahead.tau, -turned.tau) && close(ahead.tau, -back.tau));
                prop_assert!(close_p(&ahead.significance, &mirrored), "{ahead:?} {turned:?}");
                prop_assert!(close_p(&turned.significance, &back.significance), "{turned:?} {back:?}");
                prop_assert!((-1.0..=1.0).contains(&ahead.tau));
            }
            (one, other, third) => {
                prop_assert!(ahead.iter().all(|value| *value == ahead[0]));
                prop_assert_eq!([one, other, third], [Err(Undefined::Constant); 3]);
            }
        }
    }

    #[test]
    fn adjusting_keeps_the_order_and_makes_nothing_smaller(p in vec(0.0_f64..=1.0, 0..20)) {
        let adjusted = benjamini_hochberg(&p).unwrap();
        for (at, one) in p.iter().enumerate() {
            prop_assert!(adjusted[at] >= *one && adjusted[at] <= 1.0);
            for (other_at, other) in p.iter().enumerate() {
                prop_assert!(one > other || adjusted[at] <= adjusted[other_at]);
            }
        }
    }

    #[test]
    fn an_order_effect_is_finite(rounds in rounds()) {
        let (base, head) = split(&rounds);
        let order: Vec<bool> = (0..rounds.len()).map(|round| round % 2 == 0).collect();
        let change = differences(&base, &head).unwrap();
        let effect = order_effect(&change, &order).unwrap();
        prop_assert!(effect.shift.point.is_finite() && (0.0..=1.0).contains(&effect.test.share));
    }
}
