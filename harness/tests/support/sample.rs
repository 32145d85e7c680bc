//! A record as a default run leaves it, made up from a seed: five stages, both arms, ten rounds, one of them repeated.
//! Latencies are lognormal; every trial goes through the real audit.

use harness::measure::LedgerRule;
use harness::measure::ThreadsUsage;
use harness::measure::audit::{Blame, Check, Evidence, Found, Limits, audit, tags};
use harness::measure::image::{Base, Count, ImageFacts, Method};
use harness::measure::launch::{Ending, LaunchRecord};
use harness::measure::outcome::Outcomes;
use harness::measure::reason::{Cause, Failure, Problem, Reason};
use harness::measure::record::*;
use harness::measure::trial::{Build, Ledger, TrialRecord};
use harness::measure::usage::{HostUsage, ProcessUsage, Reading, Series, ThreadUsage, TreeUsage};
use harness::measure::{Arm, Latencies, LoadFacts, Pace, Second, StageFacts};
use harness::measure::{GitFacts, HostFacts, ToolFacts};
use harness::stages::artifact::facts as artifact;
use harness::stages::idle::facts as idle;
use harness_base::clock::Mono;
use harness_base::exit::Exit;
use harness_base::units::{Nanos, Rate};
use harness_load::facts::{ReadLag, StallTotal};
use harness_load::latency::LatencyHistogram;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

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
    }
}

struct Maker {
    random: ChaCha8Rng,
    now: Mono,
}

/// What one trial is made of.
struct Shape {
    arm: Arm,
    offered: Pace,
    requests: u64,
    window_ms: u64,
    median_us: f64,
    spread: f64,
    pacer_lag_us: f64,
    generator_busy: f64,
    target_cpu_us: f64,
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
        };
        InstanceRecord { index, launch, ..InstanceRecord::default() }
    }

    fn trial(&mut self, shape: &Shape) -> TrialRecord {
        let requests = match shape.offered {
            Pace::Open { .. } => shape.requests,
            Pace::Closed { .. } => (shape.requests as f64 * self.around(1.0)) as u64,
        };
        let busy = requests as f64 * shape.target_cpu_us / 1e3 / shape.window_ms as f64;
        let rss = (shape.arm == Arm::Proxied).then_some(TARGET_RSS + 4_000_000);
        let load = self.load(shape, requests);
        let readings = self.readings(shape.window_ms, shape.generator_busy, busy, rss);
        let ledger = Some(Ledger { upstream_hits: load.sent_total, sent: load.sent_total, upstream_stall_ns: Some(0) });
        let evidence = Evidence {
            arm: shape.arm,
            offered: shape.offered,
            connections: 10,
            load: &load,
            ledger,
            ledger_rule: LedgerRule::Exact,
            readings: &readings,
            target_cpus: CPUS,
        };
        let (audit, tags) = (audit(&evidence, &Limits::default()), tags(&evidence, &Limits::default()));
        TrialRecord {
            connections: 10,
            ledger,
            readings,
            peak_rss_bytes: rss.map(|bytes| bytes + 900_000),
            target_cpus: Some(CPUS),
            target_threads: rss.map(|_| threads(shape.window_ms, busy)),
            audit,
            tags,
            ..TrialRecord::new(shape.arm, shape.offered, load)
        }
    }

    fn load(&mut self, shape: &Shape, requests: u64) -> LoadFacts {
        let latencies = self.latencies(shape, requests);
        let seconds = shape.window_ms as f64 / 1e3;
        let mean = latencies.service.mean_ns().unwrap_or(0.0);
        let per_second = (0..shape.window_ms / 1_000).map(|from| Second {
            from_s: from as f64,
            length_s: 1.0,
            ok: requests * 1_000 / shape.window_ms,
            errors: 0,
            response: latencies.response.quantiles(),
        });
        LoadFacts {
            window_start: self.now,
            window_ns: shape.window_ms * MS,
            scheduled: requests,
            outcomes: Outcomes { ok: requests, ..Outcomes::default() },
            outside: Outcomes::default(),
            first_error_ns: None,
            completed_in_window: requests,
            late: 0,
            sent_total: requests + requests / 10,
            halves: None,
            blocks: Vec::new(),
            reconnects: 0,
            connections: None,
            stalls: Some(StallTotal::default()),
            mean_in_flight: requests as f64 / seconds * mean / 1e9,
            seconds: per_second.collect(),
            latencies,
            events: None,
            continued: None,
            read_lag: Some(read_lag(requests)),
            ticks: None,
            examples: Vec::new(),
        }
    }

    fn latencies(&mut self, shape: &Shape, requests: u64) -> Latencies {
        let median = shape.median_us * self.around(1.0);
        let mut latencies = Latencies::default();
        for _ in 0..requests {
            let service = median * (shape.spread * self.normal()).exp();
            let lag = shape.pacer_lag_us * (0.3 * self.normal()).exp();
            let us = |micros: f64| Nanos((micros * 1e3) as u64);
            latencies.response.record(us(service + lag.min(60.0)));
            latencies.service.record(us(service));
            latencies.ttfb.record(us(service * 0.93));
            latencies.first_body.record(us(service * 0.95));
            latencies.connection_wait.record(us(0.4));
            latencies.pacer_lag.record(us(lag));
        }
        latencies
    }

    /// Readings at 10 Hz over a window; `rss` is that of the target.
    fn readings(&mut self, window_ms: u64, generator: f64, target: f64, rss: Option<u64>) -> Series<Reading> {
        let start = self.now.0;
        let target = target * self.around(1.0);
        let steps = window_ms / 100;
        let readings = (0..=steps).map(|step| {
            let past = step * 100 * MS;
            let used = |share: f64| (share * past as f64) as u64;
            let edge = step == 0 || step == steps;
            let thread = ThreadUsage { tid: 4711, on_cpu_ns: used(generator), waiting_ns: 0 };
            Reading {
                at: Mono(start + past),
                target: rss.map(|rss| TreeUsage {
                    processes: 1,
                    threads: 4,
                    cpu_ns: 60 * MS + used(target),
                    rss_bytes: rss + (step % 3) * 4096,
                    pss_bytes: step.is_multiple_of(10).then_some(rss - 1_400_000),
                    descriptors: Some(31),
                    voluntary_switches: 900 + step * 7,
                    involuntary_switches: 12 + step,
                    major_faults: step.is_multiple_of(10).then_some(3),
                }),
                generator: Some(ProcessUsage {
                    cpu_ns: used(generator),
                    rss_bytes: 22_000_000,
                    threads: edge.then(|| vec![thread]),
                }),
                upstream: Some(ProcessUsage {
                    cpu_ns: used(0.06),
                    rss_bytes: 9_000_000,
                    threads: edge.then(|| vec![ThreadUsage { tid: 4800, on_cpu_ns: used(0.06), waiting_ns: 0 }]),
                }),
                control_cpu_ns: used(0.004),
                host: HostUsage {
                    busy_ns: used(generator + target + 0.06 + 0.004 + 0.03),
                    steal_ns: used(0.002),
                    total_ns: past * 2,
                    memory_stall_ns: edge.then_some(0),
                    throttled_ns: None,
                },
                group: None,
            }
        });
        let readings = Series(readings.collect());
        self.now = Mono(start + window_ms * MS);
        readings
    }

    /// `value`, give or take two percent.
    fn around(&mut self, value: f64) -> f64 {
        value * (0.02 * self.normal()).exp()
    }

    /// Standard normal (G. E. P. Box and M. E. Muller, "A Note on the Generation of Random Normal Deviates", 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.random.random_range(f64::EPSILON..1.0_f64).ln()).sqrt();
        radius * self.random.random_range(0.0..std::f64::consts::TAU).cos()
    }
}

/// Four threads that share what the target used; the busiest has three tenths of it.
fn threads(window_ms: u64, target: f64) -> ThreadsUsage {
    let used = |share: f64| (share * (window_ms * MS) as f64) as u64;
    let busiest = ThreadUsage { tid: 4901, on_cpu_ns: used(target * 0.3), waiting_ns: used(target * 0.02) };
    ThreadsUsage {
        span_ns: window_ms * MS,
        on_cpu_ns: used(target),
        waiting_ns: used(target * 0.06),
        busiest,
        busiest_name: Some("tokio-rt-worker".to_owned()),
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

/// The read lags of every seventeenth request.
fn read_lag(requests: u64) -> ReadLag {
    let mut lags = LatencyHistogram::default();
    (0..requests / 17).for_each(|number| lags.record(Nanos(4_000 + 250 * (number % 17))));
    ReadLag { lags, dropped: 0, error_ns: 60 }
}
