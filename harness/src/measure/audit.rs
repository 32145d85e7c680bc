//! The audit of a trial: pure rules over what was recorded. A number leaves the house only when all of them hold.

mod limits;

use serde::{Deserialize, Serialize};

use super::trial::Ledger;

use harness_base::units::{Nanos, grouped, three_digits};
use harness_load::facts::{Arm, LedgerRule, LoadFacts, Offered};
use harness_rig::usage::{Reading, Series};

pub use limits::Limits;

/// Whose fault it is when a rule does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The load generator could not do what it was asked.
    Generator,
    /// The target answered wrongly, or could not carry the load.
    Target,
    /// The upstream was the limit.
    Upstream,
    /// The host was disturbed by others.
    Host,
    Instrument,
}

/// One rule applied to one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Name of the rule, as under `[audit]`.
    pub rule: String,
    pub passed: bool,
    /// What was found, with its unit and the limit.
    pub message: String,
    /// Whose fault, and what to change; absent when it holds.
    pub blame: Option<Blame>,
    /// What to change; absent when it holds.
    pub hint: Option<String>,
}

/// What the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    pub arm: Arm,
    pub offered: Offered,
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

/// Applies every rule. The order is the order in which reasons are told: the first that fails is the headline.
pub fn audit(evidence: &Evidence<'_>, limits: &Limits) -> Vec<Check> {
    let rules: [fn(&Evidence<'_>, &Limits) -> Option<Check>; 10] =
        [accounting, errors, achieved, pacer_lag, unsent, ledger, littles_law, target_cpu, steal, foreign_cpu];
    rules.iter().filter_map(|rule| rule(evidence, limits)).collect()
}

/// What a reader must know of a trial that is valid all the same: `co-located` when a generator or upstream thread was
/// runnable for so much of a closed-loop window that the rate found may be a ceiling of ours and not the target's.
pub fn tags(evidence: &Evidence<'_>, limits: &Limits) -> Vec<String> {
    let closed = matches!(evidence.offered, Offered::Closed { .. });
    let busiest = saturation(evidence, limits).filter(|_| closed);
    busiest
        .map(|(who, share)| format!("co-located: {who} thread runnable {:.0} % of the window", share * 100.0))
        .into_iter()
        .collect()
}

/// Which of our own processes had a thread runnable for at least the saturation share of the window, and for how much of it.
fn saturation(evidence: &Evidence<'_>, limits: &Limits) -> Option<(&'static str, f64)> {
    let generator = evidence.readings.busiest_thread(|reading| reading.generator.as_ref());
    let upstream = evidence.readings.busiest_thread(|reading| reading.upstream.as_ref());
    let saturated = |share: &f64| *share >= limits.saturated.0;
    let generator = generator.filter(saturated).map(|share| ("generator", share));
    generator.or_else(|| upstream.filter(saturated).map(|share| ("upstream", share)))
}

/// The audit in the making: what a rule found, before its verdict.
struct Found {
    rule: &'static str,
    message: String,
}

impl Found {
    fn new(rule: &'static str, message: String) -> Self {
        Self { rule, message }
    }

    /// The check; `blame` and `hint` are kept only where it does not hold.
    fn judge(self, passed: bool, blame: Blame, hint: &str) -> Option<Check> {
        Some(Check {
            rule: self.rule.to_owned(),
            passed,
            message: self.message,
            blame: (!passed).then_some(blame),
            hint: (!passed).then(|| hint.to_owned()),
        })
    }
}

/// Scheduled equals the sum of all outcomes, exactly.
fn accounting(evidence: &Evidence<'_>, _: &Limits) -> Option<Check> {
    let (scheduled, total) = (evidence.load.scheduled, evidence.load.outcomes.total());
    let message = format!("{} scheduled, {} accounted for", grouped(scheduled as f64), grouped(total as f64));
    let found = Found::new("accounting", message);
    found.judge(
        scheduled == total && scheduled > 0,
        Blame::Instrument,
        "report this: requests must never be lost by the generator",
    )
}

fn errors(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let errors = evidence.load.outcomes.errors();
    let share = errors as f64 / evidence.load.scheduled.max(1) as f64;
    let mut message = format!(
        "{} of {} requests were errors ({})",
        grouped(errors as f64),
        grouped(evidence.load.scheduled as f64),
        evidence.load.outcomes.describe()
    );
    if let Some(example) = evidence.load.examples.first().filter(|_| errors > 0) {
        message.push_str(&format!("; for example {example}"));
    }
    let hint = "look at the target's log beside the result, and at `expect` of the request";
    Found::new("errors", message).judge(share <= limits.errors.0, behind(evidence.arm), hint)
}

/// Valid or not, answers per second against the offered rate.
fn achieved(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Offered::Open { rate_per_second } = evidence.offered else {
        return None;
    };
    let seconds = evidence.load.window_ns as f64 / 1e9;
    let answered = (evidence.load.completed_in_window + evidence.load.outcomes.errors()) as f64;
    let share = if seconds > 0.0 { answered / seconds / rate_per_second } else { 0.0 };
    let passed = share >= limits.achieved.0;
    let (blame, why, hint) = blame_for_rate(evidence, limits);
    let mut message =
        format!("{} % of the offered {}/s was answered", three_digits(share * 100.0), grouped(rate_per_second));
    if !passed {
        message.push_str(why);
    }
    Found::new("achieved", message).judge(passed, blame, hint)
}

/// Who kept the offered rate from being answered.
fn blame_for_rate(evidence: &Evidence<'_>, limits: &Limits) -> (Blame, &'static str, &'static str) {
    let lagging = judged_lag(evidence.load).is_some_and(|(_, lag)| lag > limits.pacer_lag_p99);
    let saturated = matches!(saturation(evidence, limits), Some(("generator", _)));
    let Offered::Open { rate_per_second } = evidence.offered else { return (Blame::Instrument, "", "") };
    let beyond = generator_ceiling(evidence).is_some_and(|ceiling| rate_per_second > ceiling);
    if lagging || saturated || beyond {
        (
            Blame::Generator,
            ": the generator cannot offer this rate on this host",
            "lower `rate`, or run on a host with more CPUs",
        )
    } else if evidence.arm == Arm::Direct {
        (
            Blame::Upstream,
            ": the upstream cannot carry the offered rate",
            "lower `rate` or the upstream's `delay`, or raise `connections`",
        )
    } else {
        (
            Blame::Target,
            ": the target cannot carry the offered rate",
            "lower `rate` below what stage `capacity` finds, or raise `connections`",
        )
    }
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
    let Offered::Open { .. } = evidence.offered else { return None };
    let lag = judged_lag(evidence.load);
    let message = lag.as_ref().map_or_else(
        || "no request was released".to_owned(),
        |(quantile, lag)| format!("pacer lag {quantile} {lag}, limit {}", limits.pacer_lag_p99),
    );
    let passed = lag.is_some_and(|(_, lag)| lag <= limits.pacer_lag_p99);
    let hint = "the generator woke up late: use a quieter host, a lower `rate`, or a `cpuset` of its own";
    Found::new("pacer_lag_p99", message).judge(passed, Blame::Generator, hint)
}

/// The pacer lag that is held against its limit, and the name of its quantile: p99, or a lower one where fewer than ten values
/// would lie beyond it, since that would be an accident of one late wake-up. `None` when nothing was released.
pub fn judged_lag(load: &LoadFacts) -> Option<(String, Nanos)> {
    let lags = &load.latencies.pacer_lag;
    let quantile = 1.0 - (10.0 / lags.count().max(20) as f64).max(0.01);
    let name = format!("p{}", (quantile * 1000.0).round() / 10.0);
    Some((name, lags.quantile(quantile)?))
}

fn unsent(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Offered::Open { .. } = evidence.offered else {
        return None;
    };
    let unsent = evidence.load.outcomes.unsent;
    let message = format!("{} unsent, limit {}", grouped(unsent as f64), limits.unsent);
    let (blame, _, hint) = blame_for_rate(evidence, limits);
    Found::new("unsent", message).judge(unsent <= limits.unsent, blame, hint)
}

/// The far end is the witness: what the upstream counted against what was sent.
fn ledger(evidence: &Evidence<'_>, _: &Limits) -> Option<Check> {
    let Ledger { upstream_hits, sent } = evidence.ledger?;
    let rule = if evidence.arm == Arm::Direct { LedgerRule::Exact } else { evidence.ledger_rule };
    let (passed, demand) = match rule {
        LedgerRule::Exact => (upstream_hits == sent, "exactly as many"),
        LedgerRule::AtLeast => (upstream_hits >= sent, "at least as many"),
        LedgerRule::None => (upstream_hits == 0, "none"),
        LedgerRule::Unknown => return None,
    };
    let message = format!(
        "{} requests sent, the upstream saw {} ({demand} expected)",
        grouped(sent as f64),
        grouped(upstream_hits as f64)
    );
    let hint = "the target answers by itself, retries or drops: see its log, and `expect.upstream_hits`";
    Found::new("ledger", message).judge(passed, behind(evidence.arm), hint)
}

/// Requests in flight as counted against rate × mean service time (J. D. C. Little, "A Proof for the Queuing Formula
/// L = λW", 1961). A quarter of a request is allowed on top of the limit: the count is a sampled one.
fn littles_law(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let load = evidence.load;
    let seconds = load.window_ns as f64 / 1e9;
    let mean = load.latencies.service.mean_ns().filter(|_| seconds > 0.0 && load.outcomes.errors() == 0)?;
    let computed = load.completed_in_window as f64 / seconds * mean / 1e9;
    let message = format!(
        "{} requests in flight as counted, {} as rate × mean service time",
        three_digits(load.mean_in_flight),
        three_digits(computed)
    );
    let passed =
        (load.mean_in_flight - computed).abs() <= limits.littles_law.0 * computed.max(load.mean_in_flight) + 0.25;
    let hint = "latency, rate and concurrency contradict each other; if this repeats, report it with the result";
    Found::new("littles_law", message).judge(passed, Blame::Instrument, hint)
}

/// Overhead is measured below the knee only.
fn target_cpu(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Offered::Open { .. } = evidence.offered else {
        return None;
    };
    if evidence.arm == Arm::Direct {
        return None;
    }
    let span = evidence.readings.span_ns()? as f64;
    let share = evidence.readings.target_cpu_ns()? as f64 / span / evidence.target_cpus;
    let message = format!(
        "target used {} % of {} CPUs, limit {}",
        three_digits(share * 100.0),
        three_digits(evidence.target_cpus),
        limits.target_cpu
    );
    let hint = "near saturation latency is queueing, not overhead: lower `rate`";
    Found::new("target_cpu", message).judge(share <= limits.target_cpu.0, Blame::Target, hint)
}

fn steal(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    stolen(evidence.readings, limits)
}

fn stolen(readings: &Series<Reading>, limits: &Limits) -> Option<Check> {
    let share = readings.steal()?;
    let message = format!("{} % of CPU time stolen, limit {}", three_digits(share * 100.0), limits.steal);
    Found::new("steal", message).judge(
        share <= limits.steal.0,
        Blame::Host,
        "the hypervisor gave the CPUs to others: repeat later or on another host",
    )
}

fn foreign_cpu(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    foreign(evidence.readings, limits)
}

fn foreign(readings: &Series<Reading>, limits: &Limits) -> Option<Check> {
    let share = readings.foreign_cpu()?;
    let message =
        format!("{} % of CPU time used by other processes, limit {}", three_digits(share * 100.0), limits.foreign_cpu);
    Found::new("foreign_cpu", message).judge(
        share <= limits.foreign_cpu.0,
        Blame::Host,
        "stop what else runs on this host (see `top`), then repeat",
    )
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
