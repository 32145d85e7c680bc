//! Adds what agents did to the counts of a trial.

use std::borrow::Cow;

use super::facts::{Listened, Mark, Sessions};
use super::method::Method;
use crate::outcome::Outcome;
use crate::trial::Trial;

impl Trial {
    /// Counts what became of sessions of agents.
    pub(super) fn count_sessions(&self, sessions: &Sessions) {
        if *sessions != Sessions::default() {
            self.tallies.current().mcp.get_or_insert_default().sessions.merge(sessions);
        }
    }

    /// Counts what came on the stream of an agent.
    pub(super) fn count_listened(&self, listened: &Listened) {
        if !listened.is_empty() {
            self.tallies.current().mcp.get_or_insert_default().listened.merge(listened);
        }
    }

    /// Counts a request for a stream. It is none of the requests that the trial schedules, and the upstream counts it.
    pub(super) fn count_stream(&self, method: Method, listened: &Listened) {
        let mut tally = self.tallies.current();
        tally.sent_total += listened.asked;
        tally.outside.add(Outcome::Reset, listened.failed);
        let mcp = tally.mcp.get_or_insert_default();
        let mark = Mark { method, fault: None, streamed: false, notifications: 0, writes: listened.asked };
        mcp.sent(&mark);
        mcp.listened.merge(listened);
    }

    /// Counts a request that is a batch of calls.
    pub(super) fn count_batch(&self, writes: u64) {
        self.tallies.current().mcp.get_or_insert_default().batches += writes;
    }

    /// Counts the calls of an agent by tool.
    pub(super) fn count_calls<'t>(&self, calls: impl Iterator<Item = (Cow<'t, str>, u64)>) {
        let mut calls = calls.peekable();
        if calls.peek().is_some() {
            let mut tally = self.tallies.current();
            let mcp = tally.mcp.get_or_insert_default();
            calls.for_each(|(tool, calls)| mcp.called(&tool, calls));
        }
    }
}
