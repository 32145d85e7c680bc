//! The report about agents of one trial: plain data for the record.

use std::collections::BTreeMap;

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
    /// Sessions that the server opened.
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
}

impl Mcp {
    fn of(&mut self, method: Method) -> &mut MethodFacts {
        self.methods.entry(method).or_default()
    }

    /// Counts how often a request was written.
    pub(crate) fn sent(&mut self, mark: &Mark, writes: u64) {
        self.of(mark.method).sent_total += writes;
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
