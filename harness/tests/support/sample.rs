//! Makes a record like that of a default run from a seed: five stages, both arms, ten rounds, one of them repeated.

#[path = "sample/trials.rs"]
mod trials;

use harness::measure::audit::{Blame, Check, Found};
use harness::measure::image::{Base, Count, ImageFacts, Method};
use harness::measure::launch::{Ending, LaunchRecord};
use harness::measure::reason::{Cause, Failure, Problem, Reason};
use harness::measure::record::*;
use harness::measure::trial::{Build, TrialRecord};
use harness::measure::{Arm, GitFacts, HostFacts, Pace, StageFacts, ToolFacts, Tuning};
use harness::stages::artifact::facts as artifact;
use harness::stages::idle::facts as idle;
use harness_base::clock::Mono;
use harness_base::exit::Exit;
use harness_base::units::Rate;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use trials::Shape;

const MS: u64 = 1_000_000;
const TARGET_RSS: u64 = 33_100_000;
const CPUS: f64 = 2.0;

/// Returns the reason of a stage whose CPU time the hypervisor took.
pub fn steal() -> Reason {
    Problem::Broken(Check::new(Found::Steal { share: 0.09, limit: 0.05 }, false, Blame::Host)).into()
}

/// Returns a failure of the target with this text.
pub fn died(text: &str) -> Failure {
    failure(text, Exit::TargetFailed)
}

/// Returns a failure with this text that stands for this exit code.
pub fn failure(text: &str, exit: Exit) -> Failure {
    Failure::new(Cause::Error(vec![text.to_owned()]), exit)
}

/// Returns the whole record. Its numbers are those of design section 9, give or take.
pub fn record() -> Record {
    let mut made = Maker { random: ChaCha8Rng::seed_from_u64(42), now: Mono(1_000_000_000_000) };
    Record {
        warnings: Vec::new(),
        schema_version: SCHEMA_VERSION,
        run_id: "20261120T183005Z-4f1c".to_owned(),
        started_at: "2026-11-20T18:30:05Z".to_owned(),
        took_ns: 112 * 1_000 * MS,
        scenario: ScenarioFacts {
            name: "sidecar".to_owned(),
            text: "name = \"sidecar\"\n".to_owned(),
            sha256: "ab".repeat(32),
            plan_sha256: None,
            overrides: Vec::new(),
            quick: false,
            seed: 42,
        },
        git: Some(GitFacts { sha: "0123456789abcdef".repeat(3)[..40].to_owned(), branch: None, dirty: true }),
        tool: ToolFacts { version: "0.1.0".to_owned(), profile: "release".to_owned() },
        targets: vec![BuildFacts {
            build: Build::Head,
            program: "/opt/thoughtgate/bin/thoughtgate".to_owned(),
            builtin: false,
            size_bytes: Some(8_432_640),
            sha256: Some("5c".repeat(32)),
            env: vec!["RUST_LOG=error".to_owned()],
        }],
        host: HostFacts {
            cpu_model: "AMD EPYC 7763".to_owned(),
            machine: Some("0123456789abcdef0123456789abcdef".to_owned()),
            cpus: 2,
            memory_bytes: 8_200_000_000,
            kernel: "6.1.0".to_owned(),
            os: "Debian GNU/Linux 12".to_owned(),
            virtualization: Some("kvm".to_owned()),
            cgroup: Some("hybrid".to_owned()),
            governor: None,
            tuning: Some(Tuning { smt: Some(true), ..Tuning::default() }),
            clock_source: Some("tsc".to_owned()),
            cpu_quota: None,
            load_average: 0.31,
        },
        calibration: None,
        reference: None,
        stages: vec![made.artifact(), made.startup(), made.idle(), made.overhead(), made.capacity()],
        interrupted: false,
        sampler_cost_ratio: Some(0.0031),
        retries: Vec::new(),
        fleet: None,
    }
}

struct Maker {
    random: ChaCha8Rng,
    now: Mono,
}

impl Maker {
    fn stage(name: &str, kind: StageKind, wanted: u64) -> StageRecord {
        StageRecord {
            name: name.to_owned(),
            facts: StageFacts::new(kind),
            status: StageStatus::Valid,
            wanted,
            ..StageRecord::default()
        }
    }

    fn artifact(&mut self) -> StageRecord {
        let image = ImageFacts {
            compressed_bytes: Some(Count { bytes: 9_437_184, method: Method::Exact }),
            platform: Some("linux/amd64".to_owned()),
            layers: Some(3),
            base: Base::Scratch,
            evidence: "no os-release, shell or package database among 21 files in 3 layer(s)".to_owned(),
            platforms: Some(vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()]),
            multi_arch: Some(true),
            ..ImageFacts::default()
        };
        let stage = Self::stage("artifact", StageKind::Artifact, 1);
        let facts = artifact::Stage { size_bytes: Some(8_432_640), image: Some(image), base_image: None }.into();
        StageRecord { facts, ..stage }
    }

    fn startup(&mut self) -> StageRecord {
        let instances = (0..20).map(|index| self.instance(index)).collect();
        StageRecord { instances, ..Self::stage("startup", StageKind::Startup, 20) }
    }

    fn idle(&mut self) -> StageRecord {
        let instances = (0..8).map(|index| {
            let readings = Some(self.readings(1_000, 0.4, 0.01, Some(TARGET_RSS)));
            InstanceRecord { facts: idle::Instance { readings }.into(), ..self.instance(index) }
        });
        let instances = instances.collect();
        StageRecord { instances, ..Self::stage("idle", StageKind::Idle, 8) }
    }

    fn overhead(&mut self) -> StageRecord {
        let offered = Pace::constant(Rate(1_000.0));
        let shape = |arm, lag| Shape {
            arm,
            offered,
            requests: 3_000,
            window_ms: 3_000,
            median_us: if arm == Arm::Direct { 112.0 } else { 297.0 },
            spread: 0.35,
            pacer_lag_us: lag,
            generator_busy: 0.12,
            target_cpu_us: if arm == Arm::Direct { 0.0 } else { 168.0 },
        };
        let mut instance = self.instance(0);
        for index in 0..12 {
            // Round 4 is disturbed: the generator woke up late.
            let lag = if index == 4 { 2_900.0 } else { 38.0 };
            let trials = abba(index).map(|arm| self.trial(&shape(arm, lag))).to_vec();
            instance.rounds.push(round(index, trials));
        }
        StageRecord {
            instances: vec![instance],
            offered: Some(offered),
            upstream_delay_ns: Some(0),
            ..Self::stage("overhead", StageKind::Overhead, 10)
        }
    }

    fn capacity(&mut self) -> StageRecord {
        let offered = Pace::Closed { vus: 10 };
        let shape = |arm| Shape {
            arm,
            offered,
            requests: if arm == Arm::Direct { 104_000 } else { 32_600 },
            window_ms: 2_000,
            median_us: if arm == Arm::Direct { 180.0 } else { 580.0 },
            spread: 0.25,
            pacer_lag_us: 0.0,
            generator_busy: if arm == Arm::Direct { 0.97 } else { 0.41 },
            target_cpu_us: if arm == Arm::Direct { 0.0 } else { 75.0 },
        };
        let mut instance = self.instance(0);
        for index in 0..11 {
            let trials = abba(index).map(|arm| self.trial(&shape(arm))).to_vec();
            instance.rounds.push(round(index, trials));
        }
        StageRecord {
            instances: vec![instance],
            offered: Some(offered),
            upstream_delay_ns: Some(0),
            ..Self::stage("capacity", StageKind::Capacity, 10)
        }
    }

    fn instance(&mut self, index: u32) -> InstanceRecord {
        let listening = self.around(4.1) * MS as f64;
        let healthy = listening + self.around(2.5) * MS as f64;
        let launch = LaunchRecord {
            spawned: harness_base::clock::Mono(u64::from(index) * 1_000_000_000 + 1),
            listening_ns: Some(listening as u64),
            healthy_ns: Some(healthy as u64),
            ready_ns: Some((healthy + self.around(7.6) * MS as f64) as u64),
            probe_gap_ns: MS,
            attempts: 1,
            stop_ns: Some(11 * MS),
            ending: Some(Ending::Code(0)),
            killed: false,
            network: Some("process".to_owned()),
            engine: None,
            pod: None,
        };
        InstanceRecord { index, launch, ..InstanceRecord::default() }
    }
}

fn abba(index: u32) -> [Arm; 2] {
    if index.is_multiple_of(2) { [Arm::Direct, Arm::Proxied] } else { [Arm::Proxied, Arm::Direct] }
}

/// Returns the status of a round: the first of an instance is the warm-up round; the audit decides on all others.
fn round(index: u32, trials: Vec<TrialRecord>) -> RoundRecord {
    let valid = trials.iter().all(TrialRecord::is_valid);
    let status = match index {
        0 => RoundStatus::WarmUp,
        _ if valid => RoundStatus::Valid,
        _ => RoundStatus::Rejected,
    };
    RoundRecord { index, status, trials }
}

/// Leaves 900 requests to each round of stage `overhead`: too few for a p99.
pub fn with_few_requests(mut record: Record) -> Record {
    let overhead = record.stages.iter_mut().filter(|stage| stage.name == "overhead");
    let rounds = overhead.flat_map(|stage| &mut stage.instances).flat_map(|instance| &mut instance.rounds);
    rounds.flat_map(|round| &mut round.trials).for_each(|trial| trial.load.scheduled = 900);
    record
}

/// Returns launches of one build that were ready after so many milliseconds.
pub fn launches(build: Build, to_ready_ms: &[f64]) -> Vec<InstanceRecord> {
    let instance = |ms: &f64| {
        let mut instance = InstanceRecord { build, ..InstanceRecord::default() };
        instance.launch.ready_ns = Some((ms * 1e6) as u64);
        instance
    };
    to_ready_ms.iter().map(instance).collect()
}

/// Returns a valid startup stage of these launches.
pub fn startup(instances: Vec<InstanceRecord>) -> StageRecord {
    StageRecord { instances, ..Maker::stage("startup", StageKind::Startup, 0) }
}
