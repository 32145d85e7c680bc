//! The audit of a trial: pure rules over what was recorded. A number is reported only when all of them hold.

pub(crate) mod check;
mod limits;
mod text;

use super::trial::Ledger;

use harness_base::units::Nanos;
use harness_load::facts::{Arm, LedgerRule, LoadFacts};
use harness_load::pace::Pace;
use harness_rig::usage::{Reading, Series};

pub use check::{Blame, Check, Found, OwnProcess, Rule, Tag};
pub use limits::Limits;

/// What the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    pub arm: Arm,
    pub offered: Pace,
    /// Connections or users that could be in flight at once.
    pub connections: u64,
    pub load: &'a LoadFacts,
    /// The upstream's count, where it is ours.
    pub ledger: Option<Ledger>,
    pub ledger_rule: LedgerRule,
    pub readings: &'a Series<Reading>,
    /// CPUs the target may use.
    pub target_cpus: f64,
}

/// Applies every rule. The first rule that fails is the headline, so the order counts.
pub fn audit(evidence: &Evidence<'_>, limits: &Limits) -> Vec<Check> {
    let rules: [fn(&Evidence<'_>, &Limits) -> Option<Check>; 10] =
        [accounting, errors, achieved, pacer_lag, unsent, ledger, littles_law, target_cpu, steal, foreign_cpu];
    rules.iter().filter_map(|rule| rule(evidence, limits)).collect()
}

/// What a reader must know of a valid trial: [`Tag::CoLocated`] when a generator or upstream thread was runnable for so much
/// of a closed-loop window that the rate found may be a ceiling of ours and not the target's.
pub fn tags(evidence: &Evidence<'_>, limits: &Limits) -> Vec<Tag> {
    let closed = matches!(evidence.offered, Pace::Closed { .. });
    let busiest = saturation(evidence, limits).filter(|_| closed);
    busiest.map(|(process, share)| Tag::CoLocated { process, share }).into_iter().collect()
}

/// Which of our own processes had a thread runnable for at least the saturation share of the window, and for how much of it.
fn saturation(evidence: &Evidence<'_>, limits: &Limits) -> Option<(OwnProcess, f64)> {
    let generator = evidence.readings.busiest_thread(|reading| reading.generator.as_ref());
    let upstream = evidence.readings.busiest_thread(|reading| reading.upstream.as_ref());
    let saturated = |share: &f64| *share >= limits.saturated.0;
    let generator = generator.filter(saturated).map(|share| (OwnProcess::Generator, share));
    generator.or_else(|| upstream.filter(saturated).map(|share| (OwnProcess::Upstream, share)))
}

/// Scheduled equals the sum of all outcomes, exactly.
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
    Some(Check::new(found, passed, behind(evidence.arm)))
}

/// Valid or not, answers per second against the offered rate.
fn achieved(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Pace::Open { rate } = evidence.offered else {
        return None;
    };
    let seconds = evidence.load.window_ns as f64 / 1e9;
    let answered = (evidence.load.completed_in_window + evidence.load.outcomes.errors()) as f64;
    let share = if seconds > 0.0 { answered / seconds / rate.0 } else { 0.0 };
    let limit = limits.achieved.0;
    let found = Found::Achieved { share, rate, limit };
    Some(Check::new(found, share >= limit, blame_for_rate(evidence, limits)))
}

/// Who kept the offered rate from being answered.
fn blame_for_rate(evidence: &Evidence<'_>, limits: &Limits) -> Blame {
    let lagging = judged_lag(evidence.load).is_some_and(|judged| judged.lag > limits.pacer_lag_p99);
    let saturated = matches!(saturation(evidence, limits), Some((OwnProcess::Generator, _)));
    let Pace::Open { rate } = evidence.offered else { return Blame::Instrument };
    let beyond = generator_ceiling(evidence).is_some_and(|ceiling| rate.0 > ceiling);
    if lagging || saturated || beyond { Blame::Generator } else { behind(evidence.arm) }
}

/// The most requests per second the generator could send with every CPU of the host to itself, by what it used for each
/// request of this trial.
fn generator_ceiling(evidence: &Evidence<'_>) -> Option<f64> {
    let answered = evidence.load.completed_in_window + evidence.load.outcomes.errors();
    let used = evidence.readings.own_cpu_ns(|reading| reading.generator.as_ref())?;
    let per_request = used as f64 / answered as f64;
    (answered > 0 && used > 0).then(|| evidence.readings.host_cpus().map(|cpus| cpus * 1e9 / per_request))?
}

fn pacer_lag(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Pace::Open { .. } = evidence.offered else { return None };
    let judged = judged_lag(evidence.load);
    let passed = judged.is_some_and(|judged| judged.lag <= limits.pacer_lag_p99);
    let found = Found::PacerLag {
        quantile: judged.map(|judged| judged.quantile),
        lag_ns: judged.map(|judged| judged.lag.0),
        limit_ns: limits.pacer_lag_p99.0,
    };
    Some(Check::new(found, passed, Blame::Generator))
}

/// A pacer lag and the quantile it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JudgedLag {
    /// From 0 to 1.
    pub quantile: f64,
    pub lag: Nanos,
}

/// The pacer lag that is held against its limit: p99, or a lower quantile where fewer than ten values would lie beyond it, since
/// that would be an accident of one late wake-up. `None` when nothing was released.
pub fn judged_lag(load: &LoadFacts) -> Option<JudgedLag> {
    let lags = &load.latencies.pacer_lag;
    let quantile = 1.0 - (10.0 / lags.count().max(20) as f64).max(0.01);
    Some(JudgedLag { quantile, lag: lags.quantile(quantile)? })
}

fn unsent(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Pace::Open { .. } = evidence.offered else {
        return None;
    };
    let (unsent, limit) = (evidence.load.outcomes.unsent, limits.unsent);
    Some(Check::new(Found::Unsent { unsent, limit }, unsent <= limit, blame_for_rate(evidence, limits)))
}

/// The far end is the witness: what the upstream counted against what was sent.
fn ledger(evidence: &Evidence<'_>, _: &Limits) -> Option<Check> {
    let Ledger { upstream_hits, sent } = evidence.ledger?;
    let expected = if evidence.arm == Arm::Direct { LedgerRule::Exact } else { evidence.ledger_rule };
    let passed = match expected {
        LedgerRule::Exact => upstream_hits == sent,
        LedgerRule::AtLeast => upstream_hits >= sent,
        LedgerRule::None => upstream_hits == 0,
        LedgerRule::Unknown => return None,
    };
    Some(Check::new(Found::Ledger { sent, upstream_hits, expected }, passed, behind(evidence.arm)))
}

/// Requests in flight as counted against rate × mean service time (J. D. C. Little, "A Proof for the Queuing Formula
/// L = λW", 1961). A quarter of a request is allowed on top of the limit: the count is a sampled one.
fn littles_law(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let load = evidence.load;
    let seconds = load.window_ns as f64 / 1e9;
    let mean = load.latencies.service.mean_ns().filter(|_| seconds > 0.0 && load.outcomes.errors() == 0)?;
    let (counted, computed) = (load.mean_in_flight, load.completed_in_window as f64 / seconds * mean / 1e9);
    let passed = (counted - computed).abs() <= limits.littles_law.0 * computed.max(counted) + 0.25;
    Some(Check::new(Found::LittlesLaw { counted, computed }, passed, Blame::Instrument))
}

/// Overhead is measured below the knee only.
fn target_cpu(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Pace::Open { .. } = evidence.offered else {
        return None;
    };
    if evidence.arm == Arm::Direct {
        return None;
    }
    let span = evidence.readings.span_ns()? as f64;
    let (cpus, limit) = (evidence.target_cpus, limits.target_cpu.0);
    let share = evidence.readings.target_cpu_ns()? as f64 / span / cpus;
    Some(Check::new(Found::TargetCpu { share, cpus, limit }, share <= limit, Blame::Target))
}

fn steal(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    stolen(evidence.readings, limits)
}

fn stolen(readings: &Series<Reading>, limits: &Limits) -> Option<Check> {
    let (share, limit) = (readings.steal()?, limits.steal.0);
    Some(Check::new(Found::Steal { share, limit }, share <= limit, Blame::Host))
}

fn foreign_cpu(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    foreign(evidence.readings, limits)
}

fn foreign(readings: &Series<Reading>, limits: &Limits) -> Option<Check> {
    let (share, limit) = (readings.foreign_cpu()?, limits.foreign_cpu.0);
    Some(Check::new(Found::ForeignCpu { share, limit }, share <= limit, Blame::Host))
}

/// What disturbed the host over a window without load; nothing where it was quiet. CPU time of a guest runs on while the
/// hypervisor has its processor, so a disturbance shows in the target's own numbers too.
pub fn disturbances(readings: &Series<Reading>, limits: &Limits) -> Vec<Check> {
    let checks = [stolen(readings, limits), foreign(readings, limits)];
    checks.into_iter().flatten().filter(|check| !check.passed).collect()
}

const fn behind(arm: Arm) -> Blame {
    match arm {
        Arm::Direct => Blame::Upstream,
        Arm::Proxied => Blame::Target,
    }
}

#[cfg(test)]
mod tests;
