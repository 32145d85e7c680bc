//! Audits a trial: applies pure rules to its record. A number is reported only if all of them hold.

pub(crate) mod check;
mod co_located;
mod fleet;
mod ledger;
mod limits;
mod redirected;
mod relays;
mod rule;
mod text;

use super::relays::RelayFacts;
use super::trial::Ledger;

use std::net::IpAddr;

use co_located::{is_held_by_run, saturation};
use harness_base::units::Nanos;
use harness_load::facts::{Arm, LedgerRule, LoadFacts};
use harness_load::latency::{Lag, LatencyHistogram};
use harness_load::pace::{Arrivals, Pace};
use harness_rig::launch::LaunchRecord;
use harness_rig::stopwatch::TimedRun;
use harness_rig::usage::{Reading, Series};
use ledger::ledger;
use redirected::redirected;
use relays::{path_loss, relay_lag, relay_stall};

pub use check::{AtNode, Blame, Check, Found, OwnProcess, ShareOf, Tag, by_rule};
pub use co_located::tags;
pub use limits::Limits;
pub use rule::Rule;

/// Input of the rules.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    pub arm: Arm,
    pub offered: Pace,
    /// Connections or users that could be in flight simultaneously.
    pub connections: u64,
    pub load: &'a LoadFacts,
    /// The count of the upstream, if it is the bundled one.
    pub ledger: Option<Ledger>,
    pub ledger_rule: LedgerRule,
    /// What the relays of the network did; empty without a network.
    pub relays: &'a [RelayFacts],
    pub readings: &'a Series<Reading>,
    /// CPUs that the target may use.
    pub target_cpus: f64,
    /// Whether the direct arm leads to the target too, over another transport.
    pub both_to_target: bool,
    /// Indexes of the nodes of a fleet that run on the host of the target.
    pub on_host: &'a [u64],
    /// From where the connections of the window reached the upstream in the pod of the target; absent where it was not looked at.
    pub peers: Option<&'a [IpAddr]>,
    /// The addresses of the nodes of a fleet.
    pub nodes_at: &'a [IpAddr],
}

/// Applies every rule. The first failed rule is the headline, so their order matters.
pub fn audit(evidence: &Evidence<'_>, limits: &Limits) -> Vec<Check> {
    let rules: [fn(&Evidence<'_>, &Limits) -> Option<Check>; 19] = [
        accounting,
        errors,
        redirected,
        stall,
        upstream_stall,
        relay_stall,
        path_loss,
        throttled,
        achieved,
        pacer_lag,
        read_lag,
        relay_lag,
        unsent,
        ledger,
        littles_law,
        readings,
        target_cpu,
        steal,
        foreign_cpu,
    ];
    // The numbers of all nodes together are of no use if one of them could not do its part.
    let (first, rest) = rules.split_at(2);
    let apply = |rules: &[fn(&Evidence<'_>, &Limits) -> Option<Check>]| {
        let found = rules.iter().filter_map(|rule| rule(evidence, limits));
        found.filter(|check| !fleet::replaces(evidence, check)).collect::<Vec<_>>()
    };
    let of_nodes = fleet::checks(evidence, limits);
    apply(first).into_iter().chain(of_nodes).chain(apply(rest)).collect()
}

/// Returns the first check that makes a trial unusable. What the target caused is a result: errors, a missed rate, and its use of the
/// CPUs, which makes a stage unusable only if it is so in most rounds.
pub fn rejecting(audit: &[Check]) -> Option<&Check> {
    let is_result =
        |check: &Check| matches!(check.rule(), Rule::Errors | Rule::Achieved | Rule::Unsent | Rule::TargetCpu);
    let is_used = |check: &Check| check.passed || (check.blame == Some(Blame::Target) && is_result(check));
    audit.iter().find(|check| !is_used(check))
}

/// Checks that the number of scheduled requests equals the sum of all outcomes.
fn accounting(evidence: &Evidence<'_>, _: &Limits) -> Option<Check> {
    let (scheduled, accounted) = (evidence.load.scheduled, evidence.load.outcomes.total());
    let passed = scheduled == accounted && scheduled > 0;
    Some(Check::new(Found::Accounting { scheduled, accounted }, passed, Blame::Instrument))
}

fn errors(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let load = evidence.load;
    let (errors, scheduled, limit) = (load.outcomes.errors(), load.scheduled, limits.errors.0);
    let example = load.examples.first().filter(|_| errors > 0).cloned();
    let passed = errors as f64 / scheduled.max(1) as f64 <= limit;
    let found = Found::Errors { errors, scheduled, outcomes: load.outcomes, example, limit };
    let blame = if load.own_errors() > 0 { behind(evidence) } else { Blame::Generator };
    Some(Check::new(found, passed, blame))
}

/// Compares the answers in the window, valid or not, with the requests that were due in it. Answers that the generator read after the
/// window because of a stall count.
fn achieved(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Pace::Open { rate, arrivals } = evidence.offered else {
        return None;
    };
    let load = evidence.load;
    let stalled = load.stalls.map_or(0, |stalls| stalls.ended_after);
    let answered = (load.completed_in_window + load.outcomes.errors() + stalled) as f64;
    let (offered, limit) = (load.scheduled as f64, limits.achieved.0);
    let passed = offered > 0.0 && answered + by_chance(arrivals, load.mean_in_flight) >= limit * offered;
    let found = Found::Achieved { share: answered / offered.max(1.0), rate, limit };
    Some(Check::new(found, passed, blame_for_rate(evidence, limits)))
}

/// Returns how many fewer requests can be in flight at the start of a window than at its end, by chance: three standard deviations of
/// the difference of two Poisson numbers. Other arrivals have almost the same number at both.
fn by_chance(arrivals: Arrivals, in_flight: f64) -> f64 {
    if arrivals == Arrivals::Poisson { 3.0 * (2.0 * in_flight).sqrt() } else { 0.0 }
}

/// Returns the cause of a rate below the offered one.
fn blame_for_rate(evidence: &Evidence<'_>, limits: &Limits) -> Blame {
    let lagging = judged_lag(evidence.load).is_some_and(|judged| judged.lag > limits.pacer_lag_p99);
    let stalled = stall(evidence, limits).is_some_and(|check| !check.passed);
    let saturated = matches!(saturation(evidence, limits), Some((OwnProcess::Generator, _)));
    let Pace::Open { rate, .. } = evidence.offered else { return Blame::Instrument };
    let beyond = generator_ceiling(evidence).is_some_and(|ceiling| rate.0 > ceiling);
    let lagging = lagging && !is_held_by_run(evidence, limits);
    if lagging || stalled || saturated || beyond { Blame::Generator } else { behind(evidence) }
}

/// Estimates the maximum rate of the generator with all CPUs of the host, from its CPU time per request in this trial.
fn generator_ceiling(evidence: &Evidence<'_>) -> Option<f64> {
    let answered = evidence.load.completed_in_window + evidence.load.outcomes.errors();
    let used = evidence.readings.own_cpu_ns(|reading| reading.generator.as_ref())?;
    let per_request = used as f64 / answered as f64;
    (answered > 0 && used > 0).then(|| evidence.readings.host_cpus().map(|cpus| cpus * 1e9 / per_request))?
}

fn pacer_lag(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Pace::Open { .. } = evidence.offered else { return None };
    let judged = judged_lag(evidence.load);
    let in_time = |judged: JudgedLag| judged.lag <= limits.pacer_lag_p99 || is_held_by_run(evidence, limits);
    let passed = judged.is_some_and(in_time);
    let found = Found::PacerLag {
        quantile: judged.map(|judged| judged.quantile),
        lag_ns: judged.map(|judged| judged.lag.0),
        limit_ns: limits.pacer_lag_p99.0,
    };
    Some(Check::new(found, passed, Blame::Generator))
}

/// Checks how late answers were read in an open loop. In a closed loop, the answers of other connections that are read before are part of
/// the load.
fn read_lag(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Pace::Open { .. } = evidence.offered else { return None };
    let JudgedLag { quantile, lag } = judged_read_lag(evidence.load)?;
    let passed = lag <= limits.read_lag_p99 || is_held_by_run(evidence, limits);
    let found = Found::ReadLag { quantile, lag_ns: lag.0, limit_ns: limits.read_lag_p99.0 };
    Some(Check::new(found, passed, Blame::Generator))
}

/// A lag and its quantile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JudgedLag {
    /// From 0 to 1.
    pub quantile: f64,
    pub lag: Nanos,
}

/// Returns the pacer lag that is compared with its limit. Returns `None` if no request was released.
pub fn judged_lag(load: &LoadFacts) -> Option<JudgedLag> {
    judged(&load.latencies.pacer_lag)
}

/// Returns the read lag that is compared with its limit. Returns `None` if the kernel stamped no answer.
pub fn judged_read_lag(load: &LoadFacts) -> Option<JudgedLag> {
    judged(&load.read_lag.as_ref()?.lags)
}

fn judged(lags: &LatencyHistogram) -> Option<JudgedLag> {
    lags.judged().map(|Lag { quantile, lag_ns }| JudgedLag { quantile, lag: Nanos(lag_ns) })
}

/// Checks the stalls of the generator. The requests that they overlap are not in the latencies.
fn stall(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let load = evidence.load;
    let Some(stalls) = load.stalls else { return Some(Check::unread(Rule::Stall, limits.stall.0)) };
    let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
    let requests = (share(stalls.requests, load.scheduled), ShareOf::Requests);
    let (share, share_of) = match evidence.offered {
        Pace::Open { .. } => requests,
        // A stall in a closed loop overlaps few of many short requests, but all of a few long ones, such as streams.
        Pace::Closed { .. } => {
            let window = share(stalls.span_ns, load.window_ns.saturating_add(stalls.span_ns));
            if requests.0 > window { requests } else { (window, ShareOf::Window) }
        }
    };
    let limit = limits.stall.0;
    let found = Found::Stall { process: OwnProcess::Generator, share, share_of, limit };
    Some(Check::new(found, share <= limit, Blame::Generator))
}

/// Checks the stalls of the upstream. Requests that wait for a stalled upstream are late, whatever stalled it. The stolen time in `/proc/stat` is
/// left out, because [`steal`] checks it. In quiet runs on a shared virtual machine, at most one of 80 slices of 200 ms had a stall.
fn upstream_stall(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let limit = limits.upstream_stall.0;
    let on_pipes = || evidence.load.stdio.as_ref()?.server_stall_ns;
    let known = match evidence.ledger {
        Some(ledger) => ledger.upstream_stall_ns,
        None => Some(on_pipes()?),
    };
    let Some(stalled) = known else { return Some(Check::unread(Rule::Stall, limit)) };
    let share = stalled as f64 / evidence.load.window_ns.max(1) as f64;
    let found = Found::Stall { process: OwnProcess::Upstream, share, share_of: ShareOf::Window, limit };
    Some(Check::new(found, share <= limit, Blame::Upstream))
}

/// Checks that the CPU quota of the harness, which generator and upstream share, did not throttle them. The target shares it too, unless
/// it runs elsewhere.
fn throttled(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    held_back(evidence.readings, limits)
}

fn held_back(readings: &Series<Reading>, limits: &Limits) -> Option<Check> {
    let (share, limit) = (readings.throttled()?, limits.throttled.0);
    Some(Check::new(Found::Throttled { share, limit }, share <= limit, Blame::Host))
}

fn unsent(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Pace::Open { .. } = evidence.offered else {
        return None;
    };
    let (unsent, limit) = (evidence.load.outcomes.unsent, limits.unsent);
    Some(Check::new(Found::Unsent { unsent, limit }, unsent <= limit, blame_for_rate(evidence, limits)))
}

/// Compares the counted requests in flight with rate × mean service time (J. D. C. Little, "A Proof for the Queuing
/// Formula L = λW", 1961). Four standard errors of the sampled count are tolerated in addition to the limit, at least a quarter of a request.
fn littles_law(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let load = evidence.load;
    // The samples of the count were not taken when they were due.
    if is_held_by_run(evidence, limits) {
        return None;
    }
    let seconds = load.window_ns as f64 / 1e9;
    let mean = load.latencies.service.mean_ns().filter(|_| seconds > 0.0 && load.outcomes.errors() == 0)?;
    let (counted, computed) = (load.mean_in_flight, load.completed_in_window as f64 / seconds * mean / 1e9);
    // Samples that missed a burst vary less than the number in flight does, which varies at least like independent requests: by its mean.
    let by_chance = load
        .in_flight_samples
        .filter(|samples| samples.number > 0)
        .map_or(0.0, |samples| 4.0 * (samples.variance.max(computed) / samples.number as f64).sqrt());
    let passed = (counted - computed).abs() <= limits.littles_law.0 * computed.max(counted) + by_chance.max(0.25);
    Some(Check::new(Found::LittlesLaw { counted, computed }, passed, Blame::Instrument))
}

/// Checks that the first and the last reading were taken at the edges of the window. Other processes can keep the sampler from running;
/// then CPU times, and the rules about them, are of another time.
fn readings(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let load = evidence.load;
    let stalled = match evidence.offered {
        Pace::Open { .. } => 0,
        Pace::Closed { .. } => load.stalls.map_or(0, |stalls| stalls.span_ns),
    };
    let (start, end) = (load.window_start, load.window_start.after(Nanos(load.window_ns.saturating_add(stalled))));
    let share = evidence.readings.edges().map_or(0.0, |(first, last)| {
        let common = last.at.min(end).since(first.at.max(start));
        let either = last.at.max(end).since(first.at.min(start));
        common.0 as f64 / either.0.max(1) as f64
    });
    let limit = limits.readings.0;
    Some(Check::new(Found::Readings { share, limit }, share >= limit, Blame::Host))
}

/// Checks that the target is not near saturation, because overhead is meaningful only below it.
fn target_cpu(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Pace::Open { .. } = evidence.offered else {
        return None;
    };
    if evidence.arm == Arm::Direct {
        return None;
    }
    let (cpus, limit) = (evidence.target_cpus, limits.target_cpu.0);
    let Some((used, span)) = evidence.readings.target_cpu_ns().zip(evidence.readings.span_ns()) else {
        return Some(Check::unread(Rule::TargetCpu, limit));
    };
    let share = used as f64 / span as f64 / cpus;
    Some(Check::new(Found::TargetCpu { share, cpus, limit }, share <= limit, Blame::Target))
}

fn steal(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    Some(stolen(evidence.readings, limits))
}

fn stolen(readings: &Series<Reading>, limits: &Limits) -> Check {
    let limit = limits.steal.0;
    let Some(share) = readings.steal() else { return Check::unread(Rule::Steal, limit) };
    Check::new(Found::Steal { share, limit }, share <= limit, Blame::Host)
}

fn foreign_cpu(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    Some(foreign(evidence.readings, limits, fleet::share_on_host(evidence)))
}

/// Checks the CPU time of other processes; `ours` is the share of processes of the run that the readings do not know.
fn foreign(readings: &Series<Reading>, limits: &Limits, ours: f64) -> Check {
    let limit = limits.foreign_cpu.0;
    let Some(share) = readings.foreign_cpu() else { return Check::unread(Rule::ForeignCpu, limit) };
    let share = (share - ours).max(0.0);
    Check::new(Found::ForeignCpu { share, limit }, share <= limit, Blame::Host)
}

/// Returns what disturbed the host during a window without load; empty if nothing did. The CPU time of a guest keeps
/// running while the hypervisor has its processor, so a disturbance also affects the numbers of the target.
pub fn disturbances(readings: &Series<Reading>, limits: &Limits) -> Vec<Check> {
    let checks = [Some(stolen(readings, limits)), Some(foreign(readings, limits, 0.0)), held_back(readings, limits)];
    checks.into_iter().flatten().filter(|check| !check.passed).collect()
}

/// Share of the time of a launch by which probes may be apart.
const PROBE_GAP: f64 = 0.05;

/// Returns why the times of a launch are not those of the target: what disturbed the host from before the launch until after it, and
/// probes that came late. With a container or a pod, the engine's own work is not distinguished from that of other processes.
pub fn launch_disturbances(launch: &LaunchRecord, readings: &Series<Reading>, limits: &Limits) -> Vec<Check> {
    let has_engine = launch.engine.is_some() || launch.pod.is_some();
    let is_engines = |check: &Check| check.rule() == Rule::ForeignCpu && has_engine;
    let mut found = disturbances(readings, limits);
    found.retain(|check| !is_engines(check));
    let took = [launch.listening_ns, launch.healthy_ns, launch.ready_ns].into_iter().flatten().max().unwrap_or(0);
    let (gap_ns, limit_ns) = (launch.probe_gap_ns, limits.probe_gap.0.max((took as f64 * PROBE_GAP) as u64));
    found.extend((gap_ns > limit_ns).then(|| Check::new(Found::ProbeGap { gap_ns, limit_ns }, false, Blame::Host)));
    found
}

/// Share of a run for which the stopwatch may wait for a CPU, and the time that it may wait in any run.
const RUN_STALL: f64 = 0.01;
const SHORTEST_STALL: Nanos = Nanos::from_micros(200);

/// Returns why the time of a run is not that of the command: what disturbed the host, and a stopwatch that had no CPU when it started the
/// command or noticed its end.
pub fn run_disturbances(run: &TimedRun, readings: &Series<Reading>, limits: &Limits) -> Vec<Check> {
    let mut found = disturbances(readings, limits);
    let wall = run.wall_ns.max(1) as f64;
    let (share, limit) = (run.stalled_ns.unwrap_or(0) as f64 / wall, RUN_STALL.max(SHORTEST_STALL.0 as f64 / wall));
    let stall = Found::Stall { process: OwnProcess::Stopwatch, share, share_of: ShareOf::Window, limit };
    found.extend((share > limit).then(|| Check::new(stall, false, Blame::Host)));
    found
}

/// Returns what answers on the arm of a trial.
fn behind(evidence: &Evidence<'_>) -> Blame {
    match evidence.arm {
        Arm::Direct if !evidence.both_to_target => Blame::Upstream,
        Arm::Direct | Arm::Proxied => Blame::Target,
    }
}

#[cfg(test)]
mod tests;
