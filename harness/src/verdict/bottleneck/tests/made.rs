//! Makes a stage in which nothing is saturated, and changes it so that one thing is.

use crate::measure::ThreadsUsage;
use crate::measure::group::{GroupUsage, ResourceLimits};
use crate::measure::record::{InstanceRecord, RoundRecord, RoundStatus, StageRecord};
use crate::measure::trial::TrialRecord;
use crate::measure::usage::{HostUsage, ProcessUsage, Reading, Series, ThreadUsage, TreeUsage};
use crate::measure::{Arm, LoadFacts, Pace};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The length of the window; CPUs times this is CPU time.
const SECOND: f64 = 1e9;

pub(super) fn ns(seconds: f64) -> u64 {
    (seconds * SECOND).round() as u64
}

/// Makes a thread that was on a CPU, and waited for one, for these shares of the window.
pub(super) fn thread(on_cpu: f64, waiting: f64) -> ThreadUsage {
    ThreadUsage { tid: 7, on_cpu_ns: ns(on_cpu), waiting_ns: ns(waiting) }
}

pub(super) fn process(cpus: f64) -> Option<ProcessUsage> {
    Some(ProcessUsage { cpu_ns: ns(cpus), rss_bytes: 1, threads: Some(vec![thread(cpus, 0.0)]) })
}

/// Makes a trial of twelve users, 12 ms for a request, a thousand requests in one second on two CPUs: nothing is saturated.
pub(super) fn trial(arm: Arm, millis: u64) -> TrialRecord {
    let mut load = LoadFacts { window_ns: ns(1.0), completed_in_window: 1_000, ..LoadFacts::default() };
    (0..1_000).for_each(|_| load.latencies.service.record(Nanos::from_millis(millis)));
    let memory_stall_ns = Some(ns(3.0));
    let reading = |at: f64| Reading {
        at: Mono(ns(1.0 + at)),
        target: Some(TreeUsage { cpu_ns: ns(0.05 * at), major_faults: Some(5), ..TreeUsage::default() }),
        generator: process(0.04 * at),
        upstream: process(0.02 * at),
        host: HostUsage { busy_ns: ns(0.11 * at), total_ns: ns(2.0 * at), memory_stall_ns, ..HostUsage::default() },
        ..Reading::default()
    };
    let threads = ThreadsUsage {
        span_ns: ns(1.0),
        on_cpu_ns: ns(0.05),
        waiting_ns: 0,
        busiest: thread(0.03, 0.0),
        busiest_name: Some("worker".to_owned()),
    };
    TrialRecord {
        connections: 12,
        readings: Series(vec![reading(0.0), reading(1.0)]),
        target_cpus: Some(2.0),
        target_threads: Some(threads),
        ..TrialRecord::new(arm, Pace::Closed { vus: 12 }, load)
    }
}

pub(super) fn stage_of(rounds: Vec<Vec<TrialRecord>>) -> StageRecord {
    let round = |(index, trials)| RoundRecord { index, status: RoundStatus::Valid, trials };
    let rounds = (0..).zip(rounds).map(round).collect();
    StageRecord {
        offered: Some(Pace::Closed { vus: 12 }),
        instances: vec![InstanceRecord { rounds, ..InstanceRecord::default() }],
        ..StageRecord::default()
    }
}

pub(super) fn quiet() -> StageRecord {
    stage_of(vec![vec![trial(Arm::Direct, 1), trial(Arm::Proxied, 12)]])
}

pub(super) fn proxied(stage: &mut StageRecord) -> &mut TrialRecord {
    let trials = &mut stage.instances[0].rounds[0].trials;
    trials.iter_mut().find(|trial| trial.arm == Arm::Proxied).unwrap()
}

pub(super) fn last(stage: &mut StageRecord) -> &mut Reading {
    proxied(stage).readings.0.last_mut().unwrap()
}

pub(super) fn uses(stage: &mut StageRecord, cpus: f64) {
    last(stage).target.as_mut().unwrap().cpu_ns = ns(cpus);
}

/// Sets the CPU time and waiting time of all threads of the target together, and of the busiest one.
pub(super) fn threads(stage: &mut StageRecord, all: (f64, f64), busiest: (f64, f64)) {
    let threads = proxied(stage).target_threads.as_mut().unwrap();
    (threads.on_cpu_ns, threads.waiting_ns) = (ns(all.0), ns(all.1));
    threads.busiest = thread(busiest.0, busiest.1);
}

pub(super) fn groups(stage: &mut StageRecord, first: GroupUsage, second: GroupUsage) {
    let readings = &mut proxied(stage).readings.0;
    (readings[0].group, readings[1].group) = (Some(first), Some(second));
}

pub(super) fn steals(stage: &mut StageRecord) {
    last(stage).host.steal_ns = ns(0.62);
}

pub(super) fn throttles(stage: &mut StageRecord) {
    stage.limits = Some(ResourceLimits { cpus: Some(0.5), ..ResourceLimits::default() });
    let at = |n: u64| GroupUsage {
        cpu_ns: Some(n * ns(0.049)),
        periods: Some(n),
        throttled_periods: Some(n * 9 / 10),
        ..GroupUsage::default()
    };
    groups(stage, at(0), at(10));
}

pub(super) fn swaps(stage: &mut StageRecord) {
    last(stage).host.memory_stall_ns = Some(ns(3.23));
}

pub(super) fn burns_all(stage: &mut StageRecord) {
    uses(stage, 1.97);
}

pub(super) fn burns_one(stage: &mut StageRecord) {
    uses(stage, 1.02);
    threads(stage, (1.0, 0.02), (0.98, 0.02));
}

pub(super) fn starves(stage: &mut StageRecord) {
    last(stage).generator = process(0.99);
}

pub(super) fn upstream_burns(stage: &mut StageRecord) {
    last(stage).upstream = process(0.97);
}

pub(super) fn shares(stage: &mut StageRecord) {
    uses(stage, 1.05);
    threads(stage, (1.0, 0.2), (0.4, 0.1));
    (last(stage).generator, last(stage).upstream) = (process(0.6), process(0.25));
    last(stage).host.busy_ns = ns(1.95);
}

pub(super) fn upstream_waits_too(stage: &mut StageRecord) {
    stage.instances[0].rounds[0].trials[0] = trial(Arm::Direct, 11);
}

pub(super) fn nothing(_: &mut StageRecord) {}
