//! Known values: effects, p-values and findings that were worked out by hand or by scipy.

use harness::verdict::evidence::Evidence;

use super::*;

/// Research values: B is 11 % above A.
const A: [f64; 10] = [2.30, 2.41, 2.28, 2.35, 2.52, 2.33, 2.38, 2.29, 2.44, 2.36];
const B: [f64; 10] = [2.58, 2.66, 2.49, 2.71, 2.60, 2.55, 2.90, 2.62, 2.57, 2.64];

fn kind(grounds: &Grounds) -> FindingKind {
    weigh(&question(), grounds).kind
}

#[test]
fn pairs_are_weighed_by_the_median_ratio_and_the_signed_rank_test() {
    let found = weigh(&question(), &paired(&A, &B));
    let weighed = found.weighed.as_ref().unwrap();
    let mut ratios: Vec<f64> = A.iter().zip(B).map(|(a, b)| b / a).collect();
    ratios.sort_by(f64::total_cmp);
    let expected = (ratios[4] * ratios[5]).sqrt() - 1.0;
    assert!((weighed.effect.unwrap() - expected).abs() < 1e-12, "{weighed:?}");
    // All ten rounds are slower: 2 of 2¹⁰ ways; the interval is from the second to the ninth ratio.
    assert!((weighed.p.unwrap() - 2.0 / 1024.0).abs() < 1e-15);
    let interval = weighed.interval.unwrap();
    assert!((interval.low - (ratios[1] - 1.0)).abs() < 1e-12 && (interval.high - (ratios[8] - 1.0)).abs() < 1e-12);
    assert_eq!(
        (found.kind, weighed.evidence, weighed.n, weighed.threshold),
        (FindingKind::Alert, Evidence::Paired, 10, 0.10)
    );
    assert_eq!(found.message, "11.12 % worse (2.35 ms → 2.61 ms), beyond the limit of 10 %, p 0.002");
}

#[test]
fn rounds_of_two_runs_take_the_larger_of_two_p_values() {
    let found = weigh(&question(), &rounds(&A, &B));
    let weighed = found.weighed.as_ref().unwrap();
    // Mann–Whitney: 2.165e-5 by scipy; Welch on logarithms is at 6.5e-6 and does not decide.
    assert!((weighed.p.unwrap() - 2.165_017_644_893_806e-5).abs() < 1e-12, "{weighed:?}");
    assert!((weighed.effect.unwrap() - (2.61 / 2.355 - 1.0)).abs() < 1e-12);
    assert_eq!((found.kind, weighed.evidence), (FindingKind::Alert, Evidence::Rounds));
    let interval = weighed.interval.unwrap();
    assert!(interval.low > 0.07 && interval.low < weighed.effect.unwrap() && interval.high < 0.16, "{interval:?}");
}

#[test]
fn a_history_gives_a_prediction_interval_and_its_median_the_effect() {
    let past = [100.0, 103.0, 98.0, 101.0, 99.0, 104.0, 97.0];
    let found = weigh(&question(), &history(&past, &[112.0]));
    let weighed = found.weighed.as_ref().unwrap();
    assert!((weighed.p.unwrap() - 0.002_618_43).abs() < 1e-7, "{weighed:?}");
    assert!((weighed.effect.unwrap() - 0.12).abs() < 1e-12 && weighed.base == 100.0);
    assert_eq!((found.kind, weighed.evidence, weighed.n), (FindingKind::Alert, Evidence::History, 7));
    assert_eq!(kind(&history(&past, &[109.0])), FindingKind::Small);
    assert_eq!(kind(&history(&past, &[103.0])), FindingKind::Ok);
    assert_eq!(kind(&history(&past, &[140.0])), FindingKind::Block);
    assert_eq!(
        kind(&history(&past[..6], &[140.0])),
        FindingKind::Alert,
        "six runs are two stored numbers, which never block"
    );
    // Without scatter the values are compared.
    assert_eq!(kind(&history(&[100.0; 7], &[130.0])), FindingKind::Block);
    assert_eq!(kind(&history(&[100.0; 7], &[100.0])), FindingKind::Ok);
}

#[test]
fn rounds_and_history_must_both_speak() {
    let both = |past: f64, by: f64| Grounds::Stored {
        base: ROUNDS.to_vec(),
        history: times(&ROUNDS[..8], past),
        head: times(&ROUNDS, by),
    };
    let found = weigh(&question(), &both(1.0, 1.35));
    assert_eq!(
        (found.kind, found.weighed.as_ref().unwrap().evidence),
        (FindingKind::Block, Evidence::RoundsAndHistory)
    );
    // 15 % above the newest run, but only 5 % above the history before it.
    let found = weigh(&question(), &both(1.10, 1.15));
    assert_eq!(found.kind, FindingKind::Small, "{}", found.message);
    assert!((found.weighed.unwrap().effect.unwrap() - 0.045).abs() < 0.01);
    // A history that scatters by 20 % has seen such runs before.
    let wide: Vec<f64> = (0..8).map(|run| 2.0 * (0.8 + 0.06 * f64::from(run))).collect();
    let grounds = Grounds::Stored { base: ROUNDS.to_vec(), history: wide, head: times(&ROUNDS, 1.2) };
    assert_eq!(kind(&grounds), FindingKind::Noise);
    let found = weigh(&question(), &both(1.2, 1.1));
    assert_eq!(found.kind, FindingKind::Ok);
    assert!(found.message.contains("disagree about the direction"), "{}", found.message);
}

#[test]
fn each_degree_has_its_own_p() {
    // Six pairs: p is 0.031 at best, which is an alert whatever the effect.
    let found = weigh(&question(), &paired(&ROUNDS[..6], &times(&ROUNDS[..6], 1.6)));
    assert_eq!(found.kind, FindingKind::Alert);
    assert!(
        found.message.ends_with("p 0.031; beyond 25 % too, and for a block p must be below 0.01"),
        "{}",
        found.message
    );
    assert_eq!(kind(&paired(&ROUNDS[..8], &times(&ROUNDS[..8], 1.6))), FindingKind::Block);
    for (grounds, message) in [
        (
            paired(&ROUNDS[..5], &times(&ROUNDS[..5], 1.6)),
            "5 rounds or launches cannot show a significant change at p < 0.05; at least 6 can",
        ),
        (
            rounds(&ROUNDS[..3], &times(&ROUNDS[..3], 1.6)),
            "3 rounds or launches cannot show a significant change at p < 0.05; at least 5 can",
        ),
    ] {
        let found = weigh(&question(), &grounds);
        assert_eq!(
            (found.kind, found.message.as_str(), found.weighed.is_none()),
            (FindingKind::Inconclusive, message, true)
        );
    }
}

#[test]
fn exactly_at_a_threshold_is_within_it() {
    for (by, expected) in [
        (1.0, FindingKind::Ok),
        (1.05, FindingKind::Small),
        (1.10, FindingKind::Small),
        (1.101, FindingKind::Alert),
        (1.25, FindingKind::Alert),
        (1.251, FindingKind::Block),
        (0.95, FindingKind::Ok),
        (0.90, FindingKind::Ok),
        (0.899, FindingKind::Improved),
    ] {
        assert_eq!(kind(&paired(&ROUNDS, &times(&ROUNDS, by))), expected, "{by}");
        assert_eq!(kind(&history(&[2.0; 7], &[2.0 * by])), expected, "{by}");
    }
    let rps = about("throughput/rps_10vu", Unit::PerSecond, Better::Higher);
    for (by, expected) in [
        (0.90, FindingKind::Small),
        (0.899, FindingKind::Alert),
        (0.749, FindingKind::Block),
        (1.2, FindingKind::Improved),
    ] {
        let found = weigh(&rps, &paired(&times(&ROUNDS, 1e4), &times(&ROUNDS, 1e4 * by)));
        assert_eq!(found.kind, expected, "{by}");
        let threshold = if expected == FindingKind::Block { -0.25 } else { -0.10 };
        assert_eq!(found.weighed.unwrap().threshold, threshold);
    }
}

#[test]
fn a_difference_below_the_floor_never_counts() {
    let small = times(&ROUNDS, 0.1);
    let found = weigh(&question(), &paired(&small, &times(&small, 1.4)));
    assert_eq!(found.kind, FindingKind::Small, "80 µs of 200 µs");
    assert!(found.message.contains("a difference of up to 0.100 ms is ignored"), "{}", found.message);
    assert_eq!(kind(&paired(&small, &times(&small, 1.6))), FindingKind::Block, "120 µs of 200 µs");
    assert_eq!(kind(&paired(&times(&small, 1.6), &small)), FindingKind::Improved);
    assert_eq!(kind(&paired(&times(&small, 1.4), &small)), FindingKind::Ok);
}

#[test]
fn values_that_may_be_zero_are_compared_by_differences() {
    let overhead = about("overhead/latency_p50", Unit::Millis, Better::Lower);
    let base = [-0.01, 0.02, 0.01, -0.02, 0.00, 0.03, -0.03, 0.01];
    let head: Vec<f64> = base.iter().map(|value| value + 0.3).collect();
    let found = weigh(&overhead, &paired(&base, &head));
    let weighed = found.weighed.as_ref().unwrap();
    assert!((weighed.difference - 0.3).abs() < 1e-12);
    assert_eq!(found.kind, FindingKind::Block, "{}", found.message);
    // No share can be taken of a base of zero: the floor alone decides, and says by how much.
    let zero = [0.0; 8];
    let found = weigh(&overhead, &paired(&zero, &[0.3; 8]));
    assert_eq!((found.kind, found.weighed.as_ref().unwrap().effect), (FindingKind::Block, None));
    assert!(found.message.starts_with("0.300 ms worse"), "{}", found.message);
    assert_eq!(weigh(&overhead, &paired(&zero, &[0.09; 8])).kind, FindingKind::Small);
    let no_floor = Question { gate: Gate { min_abs: 0.0, ..overhead.gate }, ..overhead };
    let found = weigh(&no_floor, &paired(&zero, &[0.3; 8]));
    assert_eq!(found.kind, FindingKind::Inconclusive);
    assert!(found.message.contains("no share can be taken of a base of"), "{}", found.message);
    // A ratio of zero is none, and never fine.
    let found = weigh(&question(), &paired(&zero, &[0.3; 8]));
    assert_eq!(found.kind, FindingKind::Inconclusive);
    assert!(found.message.contains("a ratio needs values above 0"), "{}", found.message);
}

#[test]
fn an_exact_value_needs_no_test_and_has_no_cap() {
    let size = Question { kind: Kind::Exact, ..about("binary/size", Unit::Bytes, Better::Lower) };
    let caps = ["the hosts differ".to_owned()];
    for (head, expected) in [
        (10_000_000.0, FindingKind::Ok),
        (10_500_000.0, FindingKind::Ok),
        (10_500_001.0, FindingKind::Alert),
        (11_000_000.0, FindingKind::Alert),
        (11_000_001.0, FindingKind::Block),
        (9_000_000.0, FindingKind::Improved),
    ] {
        let found = weigh(&Question { caps: &caps, ..size }, &rounds(&[1e7], &[head]));
        assert_eq!((found.kind, found.weighed.unwrap().p), (expected, None), "{head}");
        assert_eq!(weigh(&size, &paired(&[1e7], &[head])).kind, expected, "{head}");
    }
    let found = weigh(&size, &rounds(&[1e7], &[1e7, 1.1e7]));
    assert!(found.message.contains("it varies, but should not"), "{}", found.message);
}

#[test]
fn caps_and_advisories_keep_a_finding_from_deciding() {
    let caps = ["the hosts differ (one; other)".to_owned()];
    let found = weigh(&Question { caps: &caps, ..question() }, &rounds(&ROUNDS, &times(&ROUNDS, 1.4)));
    assert_eq!((found.kind, found.weighed.as_ref().unwrap().seen), (FindingKind::Alert, FindingKind::Block));
    assert!(found.message.ends_with("no more than an alert: the hosts differ (one; other)"), "{}", found.message);
    let found =
        weigh(&Question { advisory: Some("1,000 requests a round"), ..question() }, &paired(&A, &times(&A, 2.0)));
    assert_eq!(found.kind, FindingKind::Noise);
    assert!(found.message.ends_with("advisory: 1,000 requests a round"), "{}", found.message);
}
