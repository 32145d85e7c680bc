//! Simulates runs of unchanged code on machines that differ: stored evidence must raise no alarm because of the machine.

use harness::baseline::{Baseline, Choice, Found, Promoted};
use harness::measure::record::{
    InstanceRecord, Record, References, RoundRecord, RoundStatus, StageKind, StageRecord, StageStatus,
};
use harness::measure::trial::{Build, TrialRecord};
use harness::measure::{Arm, HostFacts, LoadFacts, Pace, Reference, StageFacts};
use harness::verdict::context::{Against, Breach, Context};
use harness::verdict::promote::promoted;
use harness::verdict::{Options, Stored, judge};
use harness_base::units::{Nanos, Rate};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::sample::{launches, startup};

/// Standard deviation of the logarithms between instances of one program, and between rounds of one instance.
const INSTANCES: f64 = 0.03;
const ROUNDS_APART: f64 = 0.05;
/// The same between the repetitions of the calibration.
const CALIBRATIONS: f64 = 0.02;

const OFFERED: Pace = Pace::constant(Rate(1000.0));

/// A machine: how many times as long everything takes on it, and which one it is.
#[derive(Clone, Copy)]
struct Machine {
    slower: f64,
    id: &'static str,
}

struct Maker(ChaCha8Rng);

impl Maker {
    /// Returns a lognormal factor around 1; the sum of twelve uniform values is normal enough.
    fn factor(&mut self, deviation: f64) -> f64 {
        let normal: f64 = (0..12).map(|_| self.0.random::<f64>()).sum::<f64>() - 6.0;
        (normal * deviation).exp()
    }

    fn trial(&mut self, arm: Arm, median_us: f64) -> TrialRecord {
        let mut load =
            LoadFacts { scheduled: 60, window_ns: 200_000_000, completed_in_window: 60, ..LoadFacts::default() };
        let round = median_us * self.factor(ROUNDS_APART);
        for _ in 0..60 {
            let span = Nanos((round * self.factor(0.2) * 1e3) as u64);
            load.latencies.response.record(span);
            load.latencies.service.record(span);
        }
        TrialRecord { connections: 10, ..TrialRecord::new(arm, OFFERED, load) }
    }

    fn overhead(&mut self, slower: f64) -> StageRecord {
        let instance = |index: u32, maker: &mut Self| {
            let here = slower * maker.factor(INSTANCES);
            let round = |index: u32, maker: &mut Self| {
                let trials = vec![maker.trial(Arm::Direct, 100.0 * here), maker.trial(Arm::Proxied, 300.0 * here)];
                RoundRecord { index, status: RoundStatus::Valid, trials }
            };
            let rounds = (1..=2).map(|index| round(index, maker)).collect();
            InstanceRecord { index, rounds, ..InstanceRecord::default() }
        };
        StageRecord {
            name: "overhead".to_owned(),
            facts: StageFacts::new(StageKind::Overhead),
            status: StageStatus::Valid,
            offered: Some(OFFERED),
            instances: (0..10).map(|index| instance(index, self)).collect(),
            ..StageRecord::default()
        }
    }

    fn references(&mut self, slower: f64) -> References {
        let mut one = || {
            let mut span = |ns: f64| (ns * slower * self.factor(CALIBRATIONS)) as u64;
            Reference { cpu_ns: span(1e6), memory_ns: span(2e6), wakeup_ns: span(1e5) }
        };
        References { before: one(), after: Some(one()) }
    }

    fn run(&mut self, number: usize, on: Machine) -> Record {
        let ready: Vec<f64> = (0..10).map(|_| 14.0 * on.slower * self.factor(INSTANCES)).collect();
        let mut record = Record {
            schema_version: harness::measure::record::SCHEMA_VERSION,
            run_id: format!("20261121T120000Z-{number}"),
            started_at: "2026-11-21T12:00:00Z".to_owned(),
            reference: Some(self.references(on.slower)),
            stages: vec![startup(launches(Build::Head, &ready)), self.overhead(on.slower)],
            ..Record::default()
        };
        record.scenario.name = "sidecar".to_owned();
        record.host = HostFacts {
            machine: Some(on.id.to_owned()),
            cpu_model: "AMD EPYC".to_owned(),
            cpus: 2,
            memory_bytes: 8 << 30,
            kernel: "6.1.0".to_owned(),
            os: "Debian GNU/Linux 12".to_owned(),
            ..HostFacts::default()
        };
        record
    }
}

fn baseline(run: Record) -> Baseline {
    let judgement = judge(&run, &[], Options::default());
    let stored = Stored::new(run, judgement.clone()).unwrap();
    let run: Promoted = promoted(&stored, &judgement, None, "2026-11-21T12:10:00Z".to_owned()).unwrap();
    Baseline { schema_version: 1, name: "main".to_owned(), scenario: "sidecar".to_owned(), runs: vec![run] }
}

/// Judges a run against a baseline as `harness run` does.
fn judged(run: &Record, baseline: &Baseline, previous: Vec<Breach>) -> harness::verdict::judgement::Judgement {
    let (path, why) = ("main.json".into(), "a test".to_owned());
    let found = Found::Baseline { baseline: baseline.clone(), path, why }.for_run(run);
    let Choice::Found { baseline, differs, elsewhere, .. } = found else { panic!("no baseline") };
    let against = Against::new(&baseline, differs).map(|against| Against { elsewhere, ..against });
    judge(run, &[], Options { context: Context { against, previous, ..Context::default() }, ..Options::default() })
}

/// Counts blocks and alerts in `runs` pairs of runs against a baseline on a machine that is `slower` times as slow. The second run
/// knows the breaches of the first, because an alert needs two in a row.
fn alarms(slower: f64, there: &'static str, runs: usize) -> (usize, usize) {
    let mut maker = Maker(ChaCha8Rng::seed_from_u64(7));
    let (mut blocks, mut alerts) = (0, 0);
    for number in 0..runs {
        let stored = baseline(maker.run(3 * number, Machine { slower: 1.0, id: "here" }));
        let on = Machine { slower, id: there };
        let first = judged(&maker.run(3 * number + 1, on), &stored, Vec::new());
        let second = judged(&maker.run(3 * number + 2, on), &stored, Breach::all(&first));
        let count =
            |kind| [&first, &second].iter().flat_map(|found| &found.findings).filter(|one| one.kind == kind).count();
        blocks += count(FindingKind::Block).min(1);
        alerts += count(FindingKind::Alert).min(1);
    }
    (blocks, alerts)
}

/// Number of runs of each of four simulations; by night, 250.
fn runs() -> usize {
    std::env::var("HARNESS_SIMULATED_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(5)
}

#[test]
fn machines_that_differ_by_8_and_by_40_percent_raise_no_alarm() {
    for slower in [1.08, 1.40] {
        for there in ["elsewhere", "here"] {
            let (blocks, alerts) = alarms(slower, there, runs());
            println!(
                "{slower:.2} times as slow, baseline of {there}: {blocks} blocks, {alerts} alerts in {} runs",
                runs()
            );
            assert!(blocks == 0 && alerts * 100 <= runs(), "{slower} {there}: {blocks} blocks, {alerts} alerts");
        }
    }
}

#[test]
fn a_change_on_the_very_same_machine_is_still_found() {
    let mut maker = Maker(ChaCha8Rng::seed_from_u64(8));
    let here = Machine { slower: 1.0, id: "here" };
    let stored = baseline(maker.run(0, here));
    let mut changed = maker.run(1, here);
    changed.stages[0] = startup(launches(Build::Head, &[28.0, 28.4, 27.8, 28.1, 28.6, 27.9, 28.0, 28.3, 28.2, 27.7]));
    let judgement = judged(&changed, &stored, Vec::new());
    let blocked = judgement.findings.iter().find(|finding| finding.kind == FindingKind::Block);
    assert_eq!(blocked.map(|finding| finding.subject.as_str()), Some("startup/to_ready"), "{:#?}", judgement.findings);
}
