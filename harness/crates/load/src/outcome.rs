//! What became of requests.

use serde::{Deserialize, Serialize};

/// The fate of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Status and body were as expected.
    Ok,
    /// Answered with a status or header that was not expected.
    WrongStatus,
    /// Answered with the expected status and a body that was not expected.
    WrongBody,
    /// No connection could be made.
    Connect,
    /// The connection broke, or what came was not HTTP.
    Reset,
    /// No complete answer within the timeout.
    Timeout,
    /// Scheduled, and never released: no connection was free until the drain ended.
    Unsent,
    /// Sent, and still without an answer when the trial was stopped from outside.
    InFlight,
}

impl Outcome {
    /// Every outcome, in the order of [`Outcomes`]' fields.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::WrongStatus,
        Self::WrongBody,
        Self::Connect,
        Self::Reset,
        Self::Timeout,
        Self::Unsent,
        Self::InFlight,
    ];

    /// The words for it in messages.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::WrongStatus => "wrong status",
            Self::WrongBody => "wrong body",
            Self::Connect => "connect error",
            Self::Reset => "connection reset",
            Self::Timeout => "timeout",
            Self::Unsent => "unsent",
            Self::InFlight => "in flight at stop",
        }
    }
}

/// Requests counted by their fate. The sum of all fields is the number scheduled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcomes {
    /// See [`Outcome::Ok`].
    pub ok: u64,
    /// See [`Outcome::WrongStatus`].
    pub wrong_status: u64,
    /// See [`Outcome::WrongBody`].
    pub wrong_body: u64,
    /// See [`Outcome::Connect`].
    pub connect: u64,
    /// See [`Outcome::Reset`].
    pub reset: u64,
    /// See [`Outcome::Timeout`].
    pub timeout: u64,
    /// See [`Outcome::Unsent`].
    pub unsent: u64,
    /// See [`Outcome::InFlight`].
    pub in_flight: u64,
}

impl Outcomes {
    /// Counts `n` requests with that fate.
    pub fn add(&mut self, outcome: Outcome, n: u64) {
        *self.slot(outcome) += n;
    }

    /// The number of requests with that fate.
    pub const fn of(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Ok => self.ok,
            Outcome::WrongStatus => self.wrong_status,
            Outcome::WrongBody => self.wrong_body,
            Outcome::Connect => self.connect,
            Outcome::Reset => self.reset,
            Outcome::Timeout => self.timeout,
            Outcome::Unsent => self.unsent,
            Outcome::InFlight => self.in_flight,
        }
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        Outcome::ALL.into_iter().for_each(|outcome| self.add(outcome, other.of(outcome)));
    }

    /// All requests, whatever became of them.
    pub fn total(&self) -> u64 {
        Outcome::ALL.into_iter().map(|outcome| self.of(outcome)).sum()
    }

    /// Requests that were sent and not answered as expected; neither unsent nor in flight at stop.
    pub const fn errors(&self) -> u64 {
        self.wrong_status + self.wrong_body + self.connect + self.reset + self.timeout
    }

    /// `"2,990 ok, 10 wrong body"`: every fate that occurred.
    pub fn describe(&self) -> String {
        let occurred = Outcome::ALL.into_iter().filter(|outcome| self.of(*outcome) > 0);
        let parts: Vec<String> = occurred
            .map(|outcome| format!("{} {}", harness_base::units::grouped(self.of(outcome) as f64), outcome.words()))
            .collect();
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    }

    fn slot(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Ok => &mut self.ok,
            Outcome::WrongStatus => &mut self.wrong_status,
            Outcome::WrongBody => &mut self.wrong_body,
            Outcome::Connect => &mut self.connect,
            Outcome::Reset => &mut self.reset,
            Outcome::Timeout => &mut self.timeout,
            Outcome::Unsent => &mut self.unsent,
            Outcome::InFlight => &mut self.in_flight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_all_fates_is_the_total() {
        let mut outcomes = Outcomes::default();
        for (n, outcome) in (1..).zip(Outcome::ALL) {
            outcomes.add(outcome, n);
        }
        assert_eq!(outcomes.total(), 36);
        assert_eq!(outcomes.errors(), 2 + 3 + 4 + 5 + 6);
        let mut doubled = outcomes;
        doubled.merge(&outcomes);
        assert_eq!(doubled.total(), 72);
        assert_eq!(Outcomes { ok: 2990, wrong_body: 10, ..Outcomes::default() }.describe(), "2,990 ok, 10 wrong body");
    }
}
