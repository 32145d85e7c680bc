//! The report about agents of one trial: plain data for the record.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::method::Method;
use crate::latency::LatencyHistogram;
use crate::outcome::{Outcome, Outcomes};
use harness_base::units::Nanos;

/// What agents did in a trial.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Mcp {
    /// Every method that was sent.
    pub methods: BTreeMap<Method, MethodFacts>,
    /// The wrong answers of the window by what was wrong; their sum equals the outcome *wrong body*.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub faults: BTreeMap<Fault, u64>,
    /// Valid answers of the window that were streams of events.
    pub streamed: u64,
    /// Notifications on these streams.
    pub notifications: u64,
    pub sessions: Sessions,
    /// Streams on which the server can send at any time, over warm-up, window and drain.
    #[serde(default, skip_serializing_if = "Listened::is_empty")]
    pub listened: Listened,
    /// Requests that were batches of calls.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub batches: u64,
    /// Calls by tool, sent in warm-up, window and drain, answered or not; empty in a record, where `ledger` says how they compare with what
    /// the upstream counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<String, u64>,
    /// What the upstream counted by tool and of sessions; absent if it does not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<McpLedger>,
}

/// What the upstream counted over the same time as the agents: warm-up, window and drain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct McpLedger {
    /// Tools that agents called or the upstream was asked for.
    pub tools: u64,
    /// Tools of which the upstream counted another number of calls than agents sent; those with the largest differences, if there are more
    /// than 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differing: Vec<ToolCalls>,
    /// Sessions that the upstream opened.
    pub opened: u64,
    /// Sessions that the upstream ended because of a DELETE.
    pub deleted: u64,
}

/// The calls of one tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ToolCalls {
    pub name: String,
    /// Calls that agents sent.
    pub sent: u64,
    /// Calls that the upstream counted.
    pub upstream_hits: u64,
}

/// The number of tools that a record names.
const NAMED: usize = 20;

/// Streams on which a server can send at any time, and what came on them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Listened {
    /// Requests for a stream.
    pub asked: u64,
    /// Streams that were opened.
    pub opened: u64,
    /// Requests that a server answered with 405, because it offers no such stream.
    pub not_offered: u64,
    /// Requests without a stream for another reason.
    pub failed: u64,
    /// Streams that ended before the agent closed them.
    pub ended: u64,
    /// Notifications and requests of the server.
    pub notifications: u64,
    /// Comments, with which the server keeps connections alive.
    pub comments: u64,
    /// Messages that must not be on such a stream.
    pub wrong: u64,
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The requests of one method.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MethodFacts {
    /// Requests sent in warm-up, window and drain, answered or not.
    pub sent_total: u64,
    /// Hits that the upstream counted over the same time; absent if it does not count by method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_hits: Option<u64>,
    /// The outcomes of those due in the window.
    pub outcomes: Outcomes,
    /// The response times of the valid ones; in a closed loop, the service times.
    pub response: LatencyHistogram,
}

/// The sessions of a trial, over warm-up, window and drain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// Sessions that the server opened: it gave them an identifier.
    pub begun: u64,
    /// Sessions that were ended by DELETE.
    pub deleted: u64,
    /// Sessions that the agent left without DELETE.
    pub abandoned: u64,
    /// Sessions that the server did not know any more: it answered with 404.
    pub lost: u64,
}

/// What is known of a request at its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) method: Method,
    /// What was wrong with the answer, if its status was as expected.
    pub(crate) fault: Option<Fault>,
    /// Whether the answer was a stream of events.
    pub(crate) streamed: bool,
    /// The notifications before the answer.
    pub(crate) notifications: u64,
    /// How often the message was written. The messages of a batch are written together, and the request counts once.
    pub(crate) writes: u64,
}

impl Mcp {
    fn of(&mut self, method: Method) -> &mut MethodFacts {
        self.methods.entry(method).or_default()
    }

    /// Counts how often a request was written.
    pub(crate) fn sent(&mut self, mark: &Mark) {
        self.of(mark.method).sent_total += mark.writes;
    }

    /// Counts the outcome of a request of the window.
    pub(crate) fn ended(&mut self, mark: &Mark, outcome: Outcome) {
        self.of(mark.method).outcomes.add(outcome, 1);
        if let Some(fault) = mark.fault {
            *self.faults.entry(fault).or_default() += 1;
        }
        if outcome == Outcome::Ok {
            self.streamed += u64::from(mark.streamed);
            self.notifications += mark.notifications;
        }
    }

    /// Counts calls of a tool.
    pub(crate) fn called(&mut self, tool: &str, calls: u64) {
        match self.calls.get_mut(tool) {
            Some(known) => *known += calls,
            None => drop(self.calls.insert(tool.to_owned(), calls)),
        }
    }

    /// Replaces the calls by tool by how they compare with those that the upstream counted, and notes its sessions.
    pub fn settle(&mut self, upstream: &BTreeMap<String, u64>, (opened, deleted): (u64, u64)) {
        let calls = std::mem::take(&mut self.calls);
        let of = |counts: &BTreeMap<String, u64>, name: &str| counts.get(name).copied().unwrap_or(0);
        let names: BTreeSet<&String> = calls.keys().chain(upstream.keys()).collect();
        let all = names.iter().map(|name| ToolCalls {
            name: (*name).clone(),
            sent: of(&calls, name),
            upstream_hits: of(upstream, name),
        });
        let mut differing: Vec<ToolCalls> = all.filter(|tool| tool.sent != tool.upstream_hits).collect();
        differing.sort_by_key(|tool| std::cmp::Reverse(tool.sent.abs_diff(tool.upstream_hits)));
        differing.truncate(NAMED);
        self.ledger = Some(McpLedger { tools: names.len() as u64, differing, opened, deleted });
    }

    /// Records the response time of a valid answer of the window.
    pub(crate) fn took(&mut self, mark: &Mark, response: Nanos) {
        self.of(mark.method).response.record(response);
    }

    /// Adds the facts of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (method, theirs) in &other.methods {
            let mine = self.of(*method);
            mine.sent_total += theirs.sent_total;
            mine.outcomes.merge(&theirs.outcomes);
            mine.response.merge(&theirs.response);
        }
        for (fault, count) in &other.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
        self.streamed += other.streamed;
        self.notifications += other.notifications;
        self.sessions.merge(&other.sessions);
        self.listened.merge(&other.listened);
        self.batches += other.batches;
        other.calls.iter().for_each(|(tool, calls)| self.called(tool, *calls));
    }
}

impl Listened {
    /// Returns whether nothing was asked for and nothing came.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.asked += other.asked;
        self.opened += other.opened;
        self.not_offered += other.not_offered;
        self.failed += other.failed;
        self.ended += other.ended;
        self.notifications += other.notifications;
        self.comments += other.comments;
        self.wrong += other.wrong;
    }
}

impl Sessions {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.begun += other.begun;
        self.deleted += other.deleted;
        self.abandoned += other.abandoned;
        self.lost += other.lost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn only_tools_that_differ_are_named_the_largest_difference_first() {
        let mut mcp = Mcp { calls: counts(&[("a", 10), ("b", 7), ("c", 3)]), ..Mcp::default() };
        mcp.settle(&counts(&[("a", 10), ("b", 8), ("d", 4)]), (2, 1));
        let ledger = mcp.ledger.unwrap();
        let named: Vec<_> =
            ledger.differing.iter().map(|tool| (tool.name.as_str(), tool.sent, tool.upstream_hits)).collect();
        assert_eq!(named, [("d", 0, 4), ("c", 3, 0), ("b", 7, 8)]);
        assert_eq!((ledger.tools, ledger.opened, ledger.deleted), (4, 2, 1));
        assert!(mcp.calls.is_empty(), "a record needs no more than the differences");
    }

    #[test]
    fn a_record_names_few_tools() {
        let mut mcp = Mcp::default();
        (0..NAMED as u64 + 5).for_each(|number| mcp.called(&format!("tool_{number}"), number + 1));
        mcp.settle(&BTreeMap::new(), (0, 0));
        let ledger = mcp.ledger.unwrap();
        assert_eq!((ledger.tools, ledger.differing.len(), ledger.differing[0].sent), (25, NAMED, 25));
    }
}
