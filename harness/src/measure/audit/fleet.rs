//! Checks the nodes of a fleet, each by its own clock and host. A check names the node that is the furthest from its limit.

use super::{AtNode, Blame, Check, Evidence, Found, Limits, OwnProcess, Rule, ShareOf};
use crate::measure::fleet::{equal_share, skew_ns};
use harness_load::latency::Lag;
use harness_load::nodes::NodeTrial;
use harness_load::pace::Pace;

/// Rules that hold for each node instead of for all together.
const EACH: [Rule; 2] = [Rule::PacerLagP99, Rule::ReadLagP99];

/// Requests by which a node's number of scheduled requests differs from an equal share, because requests are whole.
const WHOLE: f64 = 1.0;

/// Returns whether the nodes are checked instead.
pub(super) fn replaces(evidence: &Evidence<'_>, check: &Check) -> bool {
    let is_of_generator = matches!(check.found, Found::Stall { process: OwnProcess::Generator, .. });
    !evidence.load.nodes.is_empty() && (EACH.contains(&check.rule()) || is_of_generator)
}

/// Applies every rule about nodes; nothing without a fleet.
pub(super) fn checks(evidence: &Evidence<'_>, limits: &Limits) -> Vec<Check> {
    let rules: [fn(&Evidence<'_>, &Limits) -> Option<Check>; 9] =
        [stall, throttled, pacer_lag, read_lag, clock_error, skew, share, steal, foreign_cpu];
    if evidence.load.nodes.is_empty() {
        return Vec::new();
    }
    rules.iter().filter_map(|rule| rule(evidence, limits)).collect()
}

const fn is_open(evidence: &Evidence<'_>) -> bool {
    matches!(evidence.offered, Pace::Open { .. })
}

/// Returns the node with the largest value.
fn worst<'a>(evidence: &Evidence<'a>, of: impl Fn(&NodeTrial) -> Option<f64>) -> Option<(&'a NodeTrial, f64)> {
    let known = evidence.load.nodes.iter().filter_map(|node| Some((node, of(node)?)));
    known.max_by(|(_, one), (_, other)| one.total_cmp(other))
}

fn at(evidence: &Evidence<'_>, node: &NodeTrial, found: Found, passed: bool, blame: Blame) -> Check {
    let at = AtNode { index: node.index, of: evidence.load.nodes.len() as u64, name: node.name.clone() };
    Check { node: Some(at), ..Check::new(found, passed, blame) }
}

/// Returns whether the rules about the host of the target are those of a node too.
fn is_on_host(evidence: &Evidence<'_>, node: &NodeTrial) -> bool {
    evidence.on_host.contains(&node.index)
}

/// Returns which share of the CPU time of the host of the target the generators on it used.
pub(super) fn share_on_host(evidence: &Evidence<'_>) -> f64 {
    let own = evidence.load.nodes.iter().filter(|node| is_on_host(evidence, node));
    let used: u64 = own.filter_map(|node| node.host.cpu_ns).sum();
    let (span, cpus) = (evidence.readings.span_ns(), evidence.readings.host_cpus());
    span.zip(cpus).map_or(0.0, |(span, cpus)| used as f64 / (span as f64 * cpus).max(1.0))
}

fn lag_of(lag: Option<Lag>) -> Option<f64> {
    Some(lag?.lag_ns as f64)
}

fn pacer_lag(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    if !is_open(evidence) {
        return None;
    }
    let (node, _) = worst(evidence, |node| lag_of(node.pacer_lag))?;
    let (lag, limit_ns) = (node.pacer_lag?, limits.pacer_lag_p99.0);
    let found = Found::PacerLag { quantile: Some(lag.quantile), lag_ns: Some(lag.lag_ns), limit_ns };
    Some(at(evidence, node, found, lag.lag_ns <= limit_ns, Blame::Generator))
}

fn read_lag(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    if !is_open(evidence) {
        return None;
    }
    let (node, _) = worst(evidence, |node| lag_of(node.read_lag))?;
    let (lag, limit_ns) = (node.read_lag?, limits.read_lag_p99.0);
    let found = Found::ReadLag { quantile: lag.quantile, lag_ns: lag.lag_ns, limit_ns };
    Some(at(evidence, node, found, lag.lag_ns <= limit_ns, Blame::Generator))
}

/// Checks the stalls of each node, as those of a generator alone.
fn stall(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let limit = limits.stall.0;
    if evidence.load.nodes.iter().any(|node| node.stalls.is_none()) {
        return Some(Check::unread(Rule::Stall, limit));
    }
    let requests = |node: &NodeTrial| Some(node.stalls?.requests as f64 / node.scheduled.max(1) as f64);
    let window = |node: &NodeTrial| {
        let span = node.stalls?.span_ns;
        Some(span as f64 / evidence.load.window_ns.saturating_add(span).max(1) as f64)
    };
    let mut found = worst(evidence, requests).map(|(node, share)| (node, share, ShareOf::Requests));
    if !is_open(evidence) {
        let of_window = worst(evidence, window).map(|(node, share)| (node, share, ShareOf::Window));
        found = found.into_iter().chain(of_window).max_by(|(_, one, _), (_, other, _)| one.total_cmp(other));
    }
    let (node, share, share_of) = found?;
    let found = Found::Stall { process: OwnProcess::Generator, share, share_of, limit };
    Some(at(evidence, node, found, share <= limit, Blame::Generator))
}

fn throttled(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let (node, share) = worst(evidence, |node| node.host.throttled)?;
    let limit = limits.throttled.0;
    Some(at(evidence, node, Found::Throttled { share, limit }, share <= limit, Blame::Host))
}

fn steal(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let (limit, of) = (limits.steal.0, |node: &NodeTrial| node.host.steal);
    if let Some(unread) = unread(evidence, (Rule::Steal, limit), of) {
        return Some(unread);
    }
    let (node, share) = worst(evidence, |node| of(node).filter(|_| !is_on_host(evidence, node)))?;
    Some(at(evidence, node, Found::Steal { share, limit }, share <= limit, Blame::Host))
}

fn foreign_cpu(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let (limit, of) = (limits.foreign_cpu.0, |node: &NodeTrial| node.host.foreign_cpu);
    if let Some(unread) = unread(evidence, (Rule::ForeignCpu, limit), of) {
        return Some(unread);
    }
    let (node, share) = worst(evidence, |node| of(node).filter(|_| !is_on_host(evidence, node)))?;
    Some(at(evidence, node, Found::ForeignCpu { share, limit }, share <= limit, Blame::Host))
}

/// Returns the check of a rule about hosts that one of the nodes on other hosts than the target's could not read; it names the first one.
fn unread(
    evidence: &Evidence<'_>,
    (rule, limit): (Rule, f64),
    of: impl Fn(&NodeTrial) -> Option<f64>,
) -> Option<Check> {
    let is_unread = |node: &&NodeTrial| !is_on_host(evidence, node) && of(node).is_none();
    let node = evidence.load.nodes.iter().find(is_unread)?;
    let Check { found, passed, .. } = Check::unread(rule, limit);
    Some(at(evidence, node, found, passed, Blame::Instrument))
}

fn clock_error(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let (node, _) = worst(evidence, |node| Some(node.clock.error_ns as f64))?;
    let (error_ns, limit_ns) = (node.clock.error_ns, limits.clock_error.0);
    Some(at(evidence, node, Found::ClockError { error_ns, limit_ns }, error_ns <= limit_ns, Blame::Instrument))
}

/// The share of a window by which the users of a closed loop may begin apart. They begin before the window, whose ends are instants of the
/// clock: only what they leave out of the warm-up depends on it.
const BEGUN_APART: u64 = 100;

/// Checks how far apart the nodes began. The check names the node that began last.
fn skew(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let skew_ns = skew_ns(&evidence.load.nodes)?;
    let (node, _) = worst(evidence, |node| node.first_lag_ns.map(|lag| lag as f64))?;
    let limit_ns =
        if is_open(evidence) { limits.skew.0 } else { limits.skew.0.max(evidence.load.window_ns / BEGUN_APART) };
    Some(at(evidence, node, Found::Skew { skew_ns, limit_ns }, skew_ns <= limit_ns, Blame::Generator))
}

/// Checks that each node scheduled its share. In a closed loop, nodes send as many requests as are answered.
fn share(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    if !is_open(evidence) {
        return None;
    }
    let share = equal_share(&evidence.load.nodes);
    let (node, off) = worst(evidence, |node| Some((node.scheduled as f64 - share).abs()))?;
    let limit = limits.node_share.0;
    let found = Found::NodeShare { scheduled: node.scheduled, share, limit };
    Some(at(evidence, node, found, off <= (limit * share).max(WHOLE), Blame::Instrument))
}
