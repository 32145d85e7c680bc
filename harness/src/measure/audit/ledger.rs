//! Compares what the upstream counted with what was sent: all requests, and those of agents by method, by tool, and their sessions.

use std::ops::RangeInclusive;

use super::{Check, Evidence, Found, Limits, behind};
use harness_load::facts::{Arm, LedgerRule};
use harness_load::mcp::facts::Mcp;
use harness_load::mcp::method::Method;
use harness_load::outcome::Outcomes;

/// Compares the hits that the upstream counted with the requests that were sent. A request that failed may or may not have reached the
/// upstream. Reports the narrowest count that is wrong, because it says the most: a tool before its method, and a method before all requests.
pub(super) fn ledger(evidence: &Evidence<'_>, _: &Limits) -> Option<Check> {
    let whole = evidence.ledger?;
    let expected = if evidence.arm == Arm::Direct { LedgerRule::Exact } else { evidence.ledger_rule };
    if expected == LedgerRule::Unknown {
        return None;
    }
    let load = evidence.load;
    let of = |outcomes: &Outcomes| outcomes.errors() + outcomes.in_flight;
    let unanswered = of(&load.outcomes) + of(&load.outside);
    let is_wrong = |found: &Found| match found {
        Found::Ledger { sent, upstream_hits, .. } => {
            !demands(expected, sent.saturating_sub(unanswered)..=*sent, *upstream_hits)
        }
        Found::LedgerSessions { agents, upstream, .. } => {
            !demands(expected, *agents..=agents.saturating_add(unanswered), *upstream)
        }
        _ => false,
    };
    let all =
        || Found::Ledger { method: None, tool: None, sent: whole.sent, upstream_hits: whole.upstream_hits, expected };
    let mut of_agents = load.mcp.iter().flat_map(|mcp| counts_of_agents(mcp, expected));
    let wrong = of_agents.find(is_wrong).or_else(|| Some(all()).filter(is_wrong));
    let passed = wrong.is_none();
    Some(Check::new(wrong.unwrap_or_else(all), passed, behind(evidence)))
}

/// Returns whether a number of hits is one that the rule permits for requests of which `sent` can have arrived.
fn demands(expected: LedgerRule, sent: RangeInclusive<u64>, hits: u64) -> bool {
    match expected {
        LedgerRule::Exact => sent.contains(&hits),
        LedgerRule::AtLeast => hits >= *sent.start(),
        LedgerRule::None => hits == 0,
        LedgerRule::Unknown => true,
    }
}

/// Returns what agents and the upstream counted: by tool, where they differ, of sessions, and by method.
fn counts_of_agents(mcp: &Mcp, expected: LedgerRule) -> impl Iterator<Item = Found> {
    let tools = mcp.ledger.iter().flat_map(|ledger| &ledger.differing).map(move |tool| Found::Ledger {
        method: Some(Method::ToolsCall),
        tool: Some(tool.name.clone()),
        sent: tool.sent,
        upstream_hits: tool.upstream_hits,
        expected,
    });
    let sessions = mcp.ledger.iter().flat_map(move |ledger| {
        let of = |deleted, agents, upstream| Found::LedgerSessions { deleted, agents, upstream, expected };
        [of(false, mcp.sessions.begun, ledger.opened), of(true, mcp.sessions.deleted, ledger.deleted)]
    });
    let methods = mcp.methods.iter().filter_map(move |(method, facts)| {
        let (sent, upstream_hits) = (facts.sent_total, facts.upstream_hits?);
        Some(Found::Ledger { method: Some(*method), tool: None, sent, upstream_hits, expected })
    });
    tools.chain(methods).chain(sessions)
}
