//! Follows a finding until it is published: two builds in one run, confirmation, overrides, exit codes.

use harness::measure::ImageFacts;
use harness::measure::audit::{Blame, Check, Found};
use harness::measure::image::{Count, Method};
use harness::measure::reason::Problem;
use harness::measure::record::{BuildFacts, Record, StageRecord, StageStatus};
use harness::measure::trial::Build;
use harness::verdict::context::{Confirmation, Context};
use harness::verdict::judgement::{Judgement, Topic};
use harness::verdict::{FailOn, Options, judge};
use harness_base::clock::Mono;
use harness_base::exit::Exit;

use super::*;
use crate::sample::{launches, startup};

pub(super) const READY: &str = "startup/to_ready";

/// Returns a run that measured base and head beside each other.
fn compared(base: &[f64], head: &[f64]) -> Record {
    let (base, head) = (launches(Build::Base, base), launches(Build::Head, head));
    let facts = |build, program: &str| BuildFacts { build, program: program.to_owned(), ..BuildFacts::default() };
    Record {
        run_id: "20261121T101500Z-aaaa".to_owned(),
        targets: vec![facts(Build::Base, "./old-proxy"), facts(Build::Head, "./new-proxy")],
        stages: vec![startup(base.into_iter().zip(head).flat_map(|(base, head)| [base, head]).collect())],
        ..Record::default()
    }
}

fn judged(record: &Record, context: Context) -> Judgement {
    judge(record, &[], Options { context, ..Options::default() })
}

#[track_caller]
pub(super) fn ready(judgement: &Judgement) -> &Finding {
    let mut found = judgement.findings.iter().filter(|finding| finding.subject == READY);
    let first = found.next().unwrap_or_else(|| panic!("{judgement:#?}"));
    assert!(found.next().is_none(), "a metric has one finding");
    first
}

/// Returns values within two percent of a hundred milliseconds times `factor`.
pub(super) fn around(factor: f64) -> Vec<f64> {
    times(&ROUNDS, 50.0 * factor)
}

#[test]
fn two_builds_are_compared_pair_by_pair_and_the_head_is_what_is_reported() {
    let judgement = judged(&compared(&around(1.0), &around(1.15)), Context::default());
    let finding = ready(&judgement);
    assert_eq!((finding.kind, finding.topic), (FindingKind::Alert, Topic::Change));
    assert!(
        finding.message.starts_with("15.00 % worse (99.8 ms → 115 ms), beyond the limit of 10 %, p 0.002"),
        "{}",
        finding.message
    );
    let point = judgement.metric(READY).unwrap().estimate().unwrap();
    assert!((point.point - 114.7).abs() < 0.2 && point.n == 10, "{point:?}");
    assert_eq!(judgement.exit, Exit::Pass);
    assert!(judgement.headline().ends_with("; compared: 1 alert"), "{}", judgement.headline());
    let strict =
        judge(&compared(&around(1.0), &around(1.15)), &[], Options { fail_on: FailOn::Alert, ..Options::default() });
    assert_eq!(strict.exit, Exit::Regressed);
    assert!(
        strict.reasons()[0].starts_with("startup/to_ready (--fail-on alert): 15.00 % worse"),
        "{:?}",
        strict.reasons()
    );
    assert_eq!(judged(&compared(&around(1.0), &around(1.0)), Context::default()).findings[0].kind, FindingKind::Ok);
}

#[test]
fn images_of_two_builds_are_compared_and_a_layer_more_is_exact() {
    let image = |bytes, layers| {
        let compressed_bytes = Some(Count { bytes, method: Method::Exact });
        Some(ImageFacts { compressed_bytes, layers: Some(layers), ..ImageFacts::default() })
    };
    let mut record = compared(&around(1.0), &around(1.0));
    let stage = StageRecord { name: "artifact".to_owned(), status: StageStatus::Valid, ..StageRecord::default() };
    let (image, base_image) = (image(10_000_000, 4), image(8_000_000, 4));
    let facts = harness::stages::artifact::facts::Stage { size_bytes: None, image, base_image }.into();
    record.stages.insert(0, StageRecord { facts, ..stage });
    let judgement = judged(&record, Context::default());
    let found = |id| judgement.change_of(id).map(|found| (found.kind, found.message.clone()));
    let (kind, message) = found("binary/docker_image_compressed").unwrap();
    assert_eq!(kind, FindingKind::Block, "{message}");
    assert!(message.starts_with("25.00 % worse (7.63 MiB → 9.54 MiB), beyond the limit of 10 %"), "{message}");
    assert_eq!(found("binary/docker_layers").unwrap().0, FindingKind::Ok);
}

#[test]
fn a_side_without_a_value_is_reported_and_never_fine() {
    let mut record = compared(&around(1.0), &around(1.0));
    record.stages[0].instances[4].launch.ready_ns = None;
    let judgement = judged(&record, Context::default());
    let finding = ready(&judgement);
    assert_eq!(finding.kind, FindingKind::Inconclusive);
    assert_eq!(finding.message, "the base has no value: no ready endpoint in the scenario");
    let strict = Options { fail_on: FailOn::Inconclusive, ..Options::default() };
    assert_eq!(judge(&record, &[], strict).exit, Exit::Regressed);
}

#[test]
fn a_block_is_a_block_only_when_it_is_seen_again() {
    let first = compared(&around(1.0), &around(1.4));
    let judgement = judged(&first, Context::default());
    assert_eq!((ready(&judgement).kind, judgement.exit), (FindingKind::Block, Exit::Regressed));
    assert!(
        ready(&judgement).message.ends_with("; unconfirmed: there was no immediate rerun"),
        "{}",
        ready(&judgement).message
    );
    assert_eq!(judgement.needs_confirmation(), ["startup"]);
    for (factor, kind, exit, message) in [
        (
            1.38,
            FindingKind::Block,
            Exit::Regressed,
            "; seen again in an immediate rerun (20261121T101500Z-bbbb: block, +38 %, p 0.002)",
        ),
        (
            1.15,
            FindingKind::Alert,
            Exit::Pass,
            "; not seen again in an immediate rerun (20261121T101500Z-bbbb: alert, +15 %, p 0.002)",
        ),
        (
            1.0,
            FindingKind::Alert,
            Exit::Pass,
            "; not seen again in an immediate rerun (20261121T101500Z-bbbb: ok, 0 %, p 1)",
        ),
    ] {
        let rerun = judged(&compared(&around(1.0), &around(factor)), Context::default());
        let confirmation = Some(Confirmation::new("20261121T101500Z-bbbb", &rerun));
        let again = judged(&first, Context { confirmation, ..Context::default() });
        assert_eq!((ready(&again).kind, again.exit), (kind, exit), "{factor}");
        assert!(ready(&again).message.ends_with(message), "{}", ready(&again).message);
        assert_eq!(again.needs_confirmation(), [""; 0]);
    }
    // A rerun that could not measure it does not excuse it.
    let mut nothing = compared(&around(1.0), &around(1.4));
    let found = Found::Steal { share: 0.09, limit: 0.05 };
    let steal = Problem::Broken(Check::new(found, false, Blame::Host));
    nothing.stages[0].status = StageStatus::Invalid(vec![steal.into()]);
    let confirmation = Some(Confirmation::new("20261121T101500Z-bbbb", &judged(&nothing, Context::default())));
    let again = judged(&first, Context { confirmation, ..Context::default() });
    assert_eq!(ready(&again).kind, FindingKind::Block);
    assert!(ready(&again).message.ends_with("the rerun 20261121T101500Z-bbbb has no answer for it"));
}

#[test]
fn without_confirmation_in_the_gates_a_block_needs_none() {
    let gates = Gates { confirm: false, ..Gates::default() };
    let judgement = judge(&compared(&around(1.0), &around(1.4)), &[], Options { gates, ..Options::default() });
    assert_eq!(ready(&judgement).kind, FindingKind::Block);
    assert!(!ready(&judgement).message.contains("rerun"), "{}", ready(&judgement).message);
}

#[test]
fn a_reason_lets_a_block_pass_and_stays_on_record() {
    let context = Context { override_reason: Some("TLS 1.3 by default".to_owned()), ..Context::default() };
    let judgement = judged(&compared(&around(1.0), &around(1.4)), context);
    assert_eq!((ready(&judgement).kind, judgement.exit), (FindingKind::Alert, Exit::Pass));
    assert!(ready(&judgement).message.ends_with("; let pass: TLS 1.3 by default"), "{}", ready(&judgement).message);
    assert_eq!(judgement.context.override_reason.as_deref(), Some("TLS 1.3 by default"));
    assert_eq!(judgement.needs_confirmation(), [""; 0]);
}

#[test]
fn gates_of_the_scenario_decide() {
    let gates = harness::verdict::gate::of_text(
        "[gate.startup]\nalert = { change = \"+2%\" }\nblock = { change = \"+4%\" }",
        &[],
    );
    let judgement = judge(&compared(&around(1.0), &around(1.05)), &[], Options { gates, ..Options::default() });
    assert_eq!(ready(&judgement).kind, FindingKind::Block);
    assert_eq!(judged(&compared(&around(1.0), &around(1.05)), Context::default()).findings[0].kind, FindingKind::Small);
}

#[test]
fn kinds_join_like_a_lattice() {
    let all = FindingKind::ALL;
    for one in all {
        assert_eq!(one.join(one), one);
        assert_eq!(one.join(FindingKind::Ok), one);
        assert_eq!(one.join(FindingKind::Block), FindingKind::Block);
        for other in all {
            assert_eq!(one.join(other), other.join(one));
            for third in all {
                assert_eq!(one.join(other).join(third), one.join(other.join(third)));
            }
        }
    }
}

#[test]
fn rounds_that_drift_are_noted() {
    let rising: Vec<f64> = (0..10).map(|at| 100.0 + f64::from(at)).collect();
    let judgement = judged(&compared(&rising, &rising), Context::default());
    assert_eq!(judgement.stages[0].notes, ["from launch to launch startup/to_ready rises (τ 1.00); p < 0.01"]);
    let steady = judged(&compared(&around(1.0), &around(1.0)), Context::default());
    assert!(steady.stages[0].notes.is_empty(), "{:?}", steady.stages[0].notes);
}

#[test]
fn pairs_that_drift_or_depend_on_which_build_goes_first_are_noted() {
    let falling: Vec<f64> = (0..10).map(|at| 100.0 - f64::from(at)).collect();
    let judgement = judged(&compared(&falling, &[100.0; 10]), Context::default());
    let message = "from pair to pair, head − base of startup/to_ready rises (τ 1.00); p < 0.01";
    assert_eq!(judgement.stages[0].notes, [message]);

    // The second of two launches takes 5 ms more; who is second alternates.
    let head: Vec<f64> = (0..10).map(|pair| if pair % 2 == 0 { 105.0 } else { 95.0 }).collect();
    let mut record = compared(&[100.0; 10], &head);
    for (at, instance) in record.stages[0].instances.iter_mut().enumerate() {
        let (pair, of_head) = (at as u64 / 2, at % 2 == 1);
        instance.launch.spawned = Mono(2 * pair + u64::from(of_head == (pair % 2 == 0)));
    }
    let message = "head − base of startup/to_ready depends on which goes first; p < 0.01";
    assert_eq!(judged(&record, Context::default()).stages[0].notes, [message]);
}

#[test]
fn p_values_are_adjusted_for_their_number_and_for_information() {
    let mut record = compared(&around(1.0), &around(1.15));
    for instance in &mut record.stages[0].instances {
        instance.launch.listening_ns = instance.launch.ready_ns;
        instance.launch.healthy_ns = Some(5_000_000);
    }
    let judgement = judged(&record, Context::default());
    let adjusted: Vec<(f64, f64)> = judgement
        .findings
        .iter()
        .filter_map(|finding| finding.weighed.as_ref())
        .map(|weighed| (weighed.p.unwrap(), weighed.p_adjusted.unwrap()))
        .collect();
    let p = 2.0 / 1024.0;
    let expected = [(p, 1.5 * p), (1.0, 1.0), (p, 1.5 * p)];
    assert!(
        adjusted.iter().zip(expected).all(|(found, expected)| (found.1 - expected.1).abs() < 1e-12),
        "{adjusted:?}"
    );
    assert_eq!(adjusted.len(), 3);
}
