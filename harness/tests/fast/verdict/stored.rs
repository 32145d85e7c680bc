//! A run against stored ones: baselines, the rule of two runs in a row, the guard, and what is kept to judge again.

use harness::baseline::{Baseline, Promoted, StoredMetric};
use harness::measure::record::Record;
use harness::measure::trial::Build;
use harness::measure::{GitFacts, HostFacts, ToolFacts};
use harness::verdict::context::{Against, Breach, Confirmation, Context};
use harness::verdict::evidence::Evidence;
use harness::verdict::judgement::Judgement;
use harness::verdict::{Options, Stored, judge};
use harness_base::exit::Exit;

use super::publishing::{READY, around, ready};
use super::*;
use crate::baseline::made;
use crate::sample::{launches, startup};

fn run(to_ready_ms: &[f64]) -> Record {
    Record {
        run_id: "20261121T120000Z-cccc".to_owned(),
        stages: vec![startup(launches(Build::Head, to_ready_ms))],
        ..Record::default()
    }
}

fn metric(id: &str, unit: Unit, rounds: Vec<f64>) -> StoredMetric {
    made::metric(id, unit, Better::Lower, &rounds)
}

/// Returns a baseline of runs, oldest first, each with these startup times.
fn baseline(runs: &[Vec<f64>]) -> Baseline {
    let promoted = |(index, rounds): (usize, &Vec<f64>)| Promoted {
        run_id: format!("20261120T12000{index}Z-aaaa"),
        started_at: format!("2026-11-20T12:00:0{index}Z"),
        promoted_at: format!("2026-11-20T13:00:0{index}Z"),
        git: Some(GitFacts { sha: "0123456789abcdef0123".to_owned(), branch: None, dirty: false }),
        host: HostFacts::default(),
        tool: ToolFacts::default(),
        program: "sidecar".to_owned(),
        metrics: vec![metric(READY, Unit::Millis, rounds.clone())],
        ..made::run(0, 0.0)
    };
    made::baseline(runs.iter().enumerate().map(promoted).collect())
}

fn against(runs: &[Vec<f64>]) -> Context {
    Context { against: Against::new(&baseline(runs), Vec::new()), ..Context::default() }
}

fn judged(record: &Record, context: &Context) -> Judgement {
    judge(record, &[], Options { context: context.clone(), ..Options::default() })
}

fn evidence(judgement: &Judgement) -> Evidence {
    ready(judgement).weighed.as_ref().unwrap().evidence
}

#[test]
fn the_best_evidence_there_is_decides() {
    let one = judged(&run(&around(1.05)), &against(&[around(1.0)]));
    assert_eq!((ready(&one).kind, evidence(&one)), (FindingKind::Small, Evidence::Rounds));
    let eight: Vec<Vec<f64>> = (0..8).map(|run| around(0.99 + 0.003 * f64::from(run))).collect();
    let many = judged(&run(&around(1.05)), &against(&eight));
    assert_eq!((ready(&many).kind, evidence(&many)), (FindingKind::Small, Evidence::RoundsAndHistory));
    let few = judged(&run(&around(1.05)[..4]), &against(&eight));
    assert_eq!(evidence(&few), Evidence::History, "four rounds say too little by themselves");
    assert_eq!(many.exit, Exit::Pass);
}

#[test]
fn the_first_breach_of_stored_evidence_waits_for_the_second() {
    let context = against(&[around(1.0)]);
    let first = judged(&run(&around(1.15)), &context);
    let finding = ready(&first);
    assert_eq!((finding.kind, finding.weighed.as_ref().unwrap().times), (FindingKind::Inconclusive, 1));
    assert!(
        finding.message.starts_with("first breach of two: 15.0")
            && finding.message.ends_with("; an alert if the next run shows it too"),
        "{}",
        finding.message
    );
    let previous = Breach::all(&first);
    assert_eq!(previous, [Breach { id: READY.to_owned(), times: 1 }]);
    let second = judged(&run(&around(1.16)), &Context { previous: previous.clone(), ..context.clone() });
    assert_eq!(ready(&second).kind, FindingKind::Alert);
    assert!(ready(&second).message.ends_with("; for the second run in a row"), "{}", ready(&second).message);
    // A run without a breach ends the row.
    let between = judged(&run(&around(1.0)), &Context { previous, ..context.clone() });
    assert_eq!((ready(&between).kind, Breach::all(&between)), (FindingKind::Ok, Vec::new()));
    let gates = Gates { consecutive: 1, ..Gates::default() };
    let at_once = judge(&run(&around(1.15)), &[], Options { gates, context, ..Options::default() });
    assert_eq!(ready(&at_once).kind, FindingKind::Alert);
}

#[test]
fn a_block_against_a_stored_run_needs_the_rerun_and_the_same_host() {
    let context = against(&[around(1.0)]);
    let first = judged(&run(&around(1.4)), &context);
    assert_eq!((ready(&first).kind, first.exit), (FindingKind::Block, Exit::Regressed));
    assert_eq!(first.needs_confirmation(), ["startup"]);
    let again = |factor: f64| {
        let rerun = judged(&run(&around(factor)), &context);
        let confirmation = Some(Confirmation::new("20261121T120100Z-dddd", &rerun));
        judged(&run(&around(1.4)), &Context { confirmation, ..context.clone() })
    };
    assert_eq!((ready(&again(1.35)).kind, again(1.35).exit), (FindingKind::Block, Exit::Regressed));
    assert_eq!((ready(&again(1.0)).kind, again(1.0).exit), (FindingKind::Alert, Exit::Pass));
    let caps = vec!["the hosts differ (EPYC; Xeon)".to_owned()];
    let elsewhere = Context { against: Against::new(&baseline(&[around(1.0)]), caps), ..Context::default() };
    let capped = judged(&run(&around(1.4)), &elsewhere);
    assert_eq!((ready(&capped).kind, capped.exit), (FindingKind::Inconclusive, Exit::Pass));
    let twice = judged(&run(&around(1.4)), &Context { previous: Breach::all(&capped), ..elsewhere });
    assert_eq!((ready(&twice).kind, twice.exit), (FindingKind::Alert, Exit::Pass));
    assert!(
        ready(&twice).message.contains("no more than an alert: the hosts differ (EPYC; Xeon)"),
        "{}",
        ready(&twice).message
    );
    assert_eq!(twice.needs_confirmation(), [""; 0]);
}

#[test]
fn values_that_cannot_be_compared_are_reported() {
    let none = Context { no_baseline: Some("results/baselines has none for sidecar".to_owned()), ..Context::default() };
    let judgement = judged(&run(&around(1.0)), &none);
    let finding = &judgement.findings[0];
    assert_eq!((finding.kind, judgement.exit), (FindingKind::Inconclusive, Exit::Pass));
    assert_eq!(finding.message, "no baseline: results/baselines has none for sidecar");
    assert!(judged(&run(&around(1.0)), &Context::default()).findings.is_empty(), "no comparison was asked for");
    assert!(Against::new(&baseline(&[]), Vec::new()).is_none());

    let mut stored = baseline(&[around(1.0)]);
    stored.runs[0].metrics = vec![
        metric("latency/p50", Unit::Millis, ROUNDS.to_vec()),
        metric("latency/p95", Unit::Millis, ROUNDS.to_vec()),
        metric(READY, Unit::Micros, ROUNDS.to_vec()),
    ];
    let context = Context { against: Against::new(&stored, Vec::new()), ..Context::default() };
    let judgement = judged(&run(&around(1.0)), &context);
    let shown: Vec<String> =
        judgement.findings.iter().map(|finding| format!("{} {}", finding.subject, finding.message)).collect();
    assert_eq!(
        shown,
        [
            "startup/to_ready the units differ: µs in the baseline, ms here",
            "baseline not measured in this run, but in baseline main: latency/p50, latency/p95",
        ]
    );
    assert!(judgement.findings.iter().all(|finding| finding.kind == FindingKind::Inconclusive));
}

/// Returns a run with a latency: the guard is about throughput and latency only.
fn slow(p50_ms: f64) -> Record {
    use harness::measure::StageFacts;
    use harness::measure::record::{InstanceRecord, RoundRecord, RoundStatus, StageKind, StageRecord, StageStatus};
    use harness::measure::trial::TrialRecord;
    use harness::measure::{Arm, LoadFacts, Pace};
    let round = |index: u32| {
        let mut load = LoadFacts { scheduled: 20_000, window_ns: 1_000_000_000, ..LoadFacts::default() };
        let ms = p50_ms * ROUNDS[index as usize] / 2.0;
        load.latencies.service.record(harness_base::units::Nanos((ms * 1e6) as u64));
        let trial = TrialRecord { connections: 10, ..TrialRecord::new(Arm::Proxied, Pace::Closed { vus: 10 }, load) };
        RoundRecord { index, status: RoundStatus::Valid, trials: vec![trial] }
    };
    let instance = InstanceRecord { rounds: (0..10).map(round).collect(), ..InstanceRecord::default() };
    let stage = StageRecord {
        name: "capacity".to_owned(),
        facts: StageFacts::new(StageKind::Capacity),
        status: StageStatus::Valid,
        offered: Some(Pace::Closed { vus: 10 }),
        instances: vec![instance],
        ..StageRecord::default()
    };
    Record { stages: vec![stage], ..Record::default() }
}

#[test]
fn slow_creep_is_caught_by_the_median_of_the_last_seven() {
    const P50: &str = "latency/capacity_p50";
    // Each run 4 % slower than the one before, which is never more than small; the two oldest do not count.
    let runs: Vec<f64> = (0..9).map(|run| 2.0 * 1.04_f64.powi(run)).collect();
    let context = |runs: &[f64]| {
        let mut stored = baseline(&vec![Vec::from(ROUNDS); runs.len()]);
        for (run, ms) in stored.runs.iter_mut().zip(runs) {
            run.metrics = vec![metric(P50, Unit::Millis, times(&ROUNDS, ms / 2.0))];
        }
        Context { against: Against::new(&stored, Vec::new()), ..Context::default() }
    };
    let next = 2.0 * 1.04_f64.powi(9);
    let of = |judgement: &Judgement| judgement.findings.iter().find(|finding| finding.subject == P50).unwrap().clone();
    let judgement = judged(&slow(next), &context(&runs));
    let finding = of(&judgement);
    assert_eq!(finding.kind, FindingKind::Alert, "{}", finding.message);
    assert!(
        finding.message.contains("guard: 1") && finding.message.contains("the median of the last 7 runs, limit 15 %"),
        "{}",
        finding.message
    );
    assert_eq!((judgement.exit, judgement.needs_confirmation()), (Exit::Pass, vec!["capacity".to_owned()]));
    let again = |ms: f64| {
        let confirmation = Some(Confirmation::new("rerun", &judged(&slow(ms), &context(&runs))));
        judged(&slow(next), &Context { confirmation, ..context(&runs) })
    };
    assert_eq!((of(&again(next)).kind, again(next).exit), (FindingKind::Block, Exit::Regressed));
    assert_eq!((of(&again(2.4)).kind, again(2.4).exit), (FindingKind::Alert, Exit::Pass));
    // Two earlier runs have no meaningful median, and runs on another host are not a history.
    assert!(!of(&judged(&slow(next), &context(&runs[..2]))).message.contains("guard"));
    let mut elsewhere = context(&runs);
    elsewhere.against.as_mut().unwrap().caps = vec!["the hosts differ".to_owned()];
    assert!(!of(&judged(&slow(next), &elsewhere)).message.contains("guard"));
    // Exactly 15 % above the median of three runs is within the limit.
    let at = [2.0, 2.0, 2.0];
    assert!(!of(&judged(&slow(2.29), &context(&at))).message.contains("guard"));
    assert!(of(&judged(&slow(2.32), &context(&at))).message.contains("guard: 1"));
}

#[test]
fn a_judgement_can_be_made_again_from_what_is_stored() {
    let context = Context {
        previous: vec![Breach { id: READY.to_owned(), times: 1 }],
        override_reason: Some("known".to_owned()),
        ..against(&[around(0.97), around(1.0)])
    };
    let mut record = Record { schema_version: harness::measure::record::SCHEMA_VERSION, ..run(&around(1.15)) };
    record.scenario.name = "sidecar".to_owned();
    let judgement = judged(&record, &context);
    let stored = Stored::new(record, judgement).unwrap();
    let text = serde_json::to_string(&stored).unwrap();
    let read = Stored::parse(&text, std::path::Path::new("result.json")).unwrap();
    assert_eq!(judged(&read.record, &read.judgement.context), stored.judgement);
    assert_eq!(ready(&stored.judgement).kind, FindingKind::Alert);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut found = harness::report::validate::against(harness::report::schema::RESULT, &json);
    found.retain(|fault| fault.pointer.contains("/judgement"));
    assert!(found.is_empty(), "{found:#?}");
}
