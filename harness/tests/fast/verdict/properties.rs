//! Checks properties that hold for all values. The cases are drawn with a fixed seed: a true rule must not fail on the one case in a
//! million that lies within a rounding error of a threshold.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

fn config() -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(0x7665_7264_6963_7401);
    ProptestConfig { cases: 400, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

/// Scatter of a value: fine, or on a coarse grid so that ties and zeros are common.
fn scatter() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-60_i32..60).prop_map(|step| f64::from(step) / 1_000.0),
        (-2_i32..3).prop_map(|step| f64::from(step) / 20.0)
    ]
}

/// Base and head with a true change between −45 and +60 %, and now and then none at all.
fn values(n: std::ops::Range<usize>) -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    let change = prop_oneof![(-45_i32..60).prop_map(|percent| f64::from(percent) / 100.0), Just(0.0)];
    (n, change, 1_u32..400).prop_flat_map(|(n, change, level)| {
        let level = f64::from(level) / 10.0;
        let around = move |by: f64| vec(scatter().prop_map(move |scatter| level * by * (1.0 + scatter)), n);
        (around(1.0), around(1.0 + change))
    })
}

/// Returns every kind of evidence. The newest run stands for the history's last point as well.
fn evidence() -> impl Strategy<Value = Grounds> {
    let pairs = values(6..13).prop_map(|(base, head)| Grounds::Paired { base, head });
    let one = values(5..12).prop_map(|(base, head)| rounds(&base, &head));
    let runs = values(7..12).prop_map(|(base, head)| history(&base, &head[..5]));
    let both = (values(6..11), vec(scatter(), 7..12)).prop_map(|((base, head), past)| {
        let past = past.iter().map(|scatter| base[0] * (1.0 + scatter)).collect();
        Grounds::Stored { base, history: past, head }
    });
    let numbers = values(5..6).prop_map(|(base, head)| history(&base[..1], &head[..1]));
    prop_oneof![3 => pairs, 2 => one, 1 => runs, 2 => both, 1 => numbers]
}

/// Returns a metric of which only ratios make sense, one that may be negative, and one of which more is better.
fn questions() -> impl Strategy<Value = Question<'static>> {
    let overhead = about("overhead/latency_p50", Unit::Millis, Better::Lower);
    let rps = about("throughput/rps_10vu", Unit::PerSecond, Better::Higher);
    let no_floor = |question: Question<'static>| Question { gate: Gate { min_abs: 0.0, ..question.gate }, ..question };
    prop_oneof![Just(question()), Just(no_floor(question())), Just(overhead), Just(rps)]
}

fn sides(grounds: &mut Grounds) -> (&mut Vec<f64>, &mut Vec<f64>, Option<&mut Vec<f64>>) {
    match grounds {
        Grounds::Paired { base, head } => (base, head, None),
        Grounds::Stored { base, history, head } => (base, head, Some(history)),
    }
}

fn scaled(grounds: &Grounds, factor: f64) -> Grounds {
    let mut grounds = grounds.clone();
    let (base, head, history) = sides(&mut grounds);
    let all = base.iter_mut().chain(head).chain(history.into_iter().flatten());
    all.for_each(|value| *value *= factor);
    grounds
}

/// Other orders: pairs stay together.
fn permuted(grounds: &Grounds, by: usize) -> Grounds {
    let mut grounds = grounds.clone();
    let together = matches!(grounds, Grounds::Paired { .. });
    let (base, head, history) = sides(&mut grounds);
    let (n, other) = (base.len().max(1), head.len().max(1));
    base.rotate_left(by % n);
    head.rotate_left(if together { by % n } else { (2 * by + 1) % other });
    base.reverse();
    head.reverse();
    if let Some(history) = history.filter(|history| history.len() > 1) {
        history.reverse();
    }
    grounds
}

/// Returns the finding without its words, and with numbers that rounding may move.
fn same(one: &Finding, other: &Finding) -> Result<(), TestCaseError> {
    prop_assert_eq!(one.kind, other.kind, "{} / {}", &one.message, &other.message);
    let close = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= 1e-9 * one.abs().max(1e-3),
        (one, other) => one.is_none() && other.is_none(),
    };
    if let (Some(one), Some(other)) = (&one.weighed, &other.weighed) {
        prop_assert!(close(one.effect, other.effect) && close(one.p, other.p), "{one:?}\n{other:?}");
        let low = |weighed: &harness::verdict::judgement::Weighed| weighed.interval.map(|interval| interval.low);
        prop_assert!(close(low(one), low(other)), "{one:?}\n{other:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_worse_value_never_gives_a_milder_finding(
        question in questions(), grounds in evidence(), at in 0_usize..64, by in 1_u32..60
    ) {
        let mut worse = grounds.clone();
        let (_, head, _) = sides(&mut worse);
        let at = at % head.len();
        let factor = 1.0 + f64::from(by) / 100.0;
        head[at] = if question.direction == Better::Lower { head[at] * factor } else { head[at] / factor };
        let (before, after) = (weigh(&question, &grounds), weigh(&question, &worse));
        prop_assert!(badness(&before).is_some(), "{}", before.message);
        prop_assert!(badness(&before) <= badness(&after), "{} before, {} after: {before:?}\n{after:?}",
            before.kind.word(), after.kind.word());
    }

    #[test]
    fn a_better_base_never_gives_a_milder_finding(grounds in evidence(), at in 0_usize..64, by in 1_u32..60) {
        // Rounds of two runs weigh the scatter of the base, which one value far off widens.
        let Grounds::Paired { base, head } = grounds else { return Ok(()) };
        let mut better = base.clone();
        let at = at % base.len();
        better[at] /= 1.0 + f64::from(by) / 100.0;
        let (before, after) = (weigh(&question(), &paired(&base, &head)), weigh(&question(), &paired(&better, &head)));
        prop_assert!(badness(&before) <= badness(&after), "{before:?}\n{after:?}");
    }

    #[test]
    fn swapping_the_direction_swaps_the_finding(question in questions(), grounds in evidence()) {
        let direction = if question.direction == Better::Lower { Better::Higher } else { Better::Lower };
        let (one, other) = (weigh(&question, &grounds), weigh(&Question { direction, ..question }, &grounds));
        for (one, other) in [(&one, &other), (&other, &one)] {
            match one.kind {
                FindingKind::Alert | FindingKind::Block => prop_assert_eq!(other.kind, FindingKind::Improved),
                FindingKind::Improved => prop_assert!(other.kind.is_breach(), "{}", other.message),
                FindingKind::Noise => prop_assert_eq!(other.kind, FindingKind::Noise),
                FindingKind::Ok | FindingKind::Small => {
                    prop_assert!(matches!(other.kind, FindingKind::Ok | FindingKind::Small), "{}", other.message);
                }
                FindingKind::Inconclusive => prop_assert_eq!(other.kind, FindingKind::Inconclusive),
            }
        }
    }

    #[test]
    fn neither_the_unit_nor_the_order_of_rounds_decides(
        question in questions(), grounds in evidence(), scale in -6_i32..7, by in 0_usize..12
    ) {
        let found = weigh(&question, &grounds);
        let factor = 10_f64.powi(scale) * 1.024;
        let gate = Gate { min_abs: question.gate.min_abs * factor, ..question.gate };
        same(&found, &weigh(&Question { gate, ..question }, &scaled(&grounds, factor)))?;
        same(&found, &weigh(&question, &permuted(&grounds, by)))?;
    }

    #[test]
    fn a_value_that_is_not_a_number_never_reaches_a_finding(
        question in questions(), grounds in evidence(), at in 0_usize..64, side in 0_usize..3, which in 0_usize..5
    ) {
        let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 0.0][which];
        let mut broken = grounds.clone();
        let (base, head, history) = sides(&mut broken);
        let values = match (side, history) {
            (0, _) if !base.is_empty() => base,
            (1, Some(history)) => history,
            _ => head,
        };
        let at = at % values.len();
        values[at] = bad;
        let found = weigh(&question, &broken);
        if !bad.is_finite() {
            prop_assert_eq!(found.kind, FindingKind::Inconclusive, "{}", &found.message);
        }
        // serde_json writes what is not finite as null, which the type does not take back.
        let text = serde_json::to_string(&found).unwrap();
        prop_assert!(!text.contains("null"), "{text}");
        prop_assert_eq!(&serde_json::from_str::<Finding>(&text).unwrap(), &found);
    }

    #[test]
    fn constants_are_compared_exactly(level in 1_u32..1_000, n in 6_usize..15, percent in -40_i32..60) {
        let (level, change) = (f64::from(level), f64::from(percent) / 100.0);
        let (base, head) = (vec![level; n], vec![level * (1.0 + change); n]);
        let gate = Gate { min_abs: 0.0, ..question().gate };
        for grounds in [paired(&base, &head), rounds(&base, &head), history(&[level; 7], &head)] {
            let found = weigh(&Question { gate, ..question() }, &grounds);
            let blocks = |n: usize| matches!(grounds, Grounds::Stored { .. }) || 2.0 * 0.5_f64.powi(n as i32) < gate.block.p;
            let expected = match percent {
                26.. if blocks(n) => FindingKind::Block,
                11.. => FindingKind::Alert,
                1.. => FindingKind::Small,
                -10.. => FindingKind::Ok,
                _ => FindingKind::Improved,
            };
            prop_assert_eq!(found.kind, expected, "{}", &found.message);
        }
    }
}
