//! Outcomes of requests.

use serde::{Deserialize, Serialize};

/// The outcome of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Status and body were as expected.
    Ok,
    /// Answered with a status or header that was not expected.
    WrongStatus,
    /// Answered with the expected status and a body that was not expected.
    WrongBody,
    /// No connection could be opened.
    Connect,
    /// The connection broke, or the answer was not HTTP.
    Reset,
    /// No complete answer within the timeout.
    Timeout,
    /// Scheduled but never released, because no connection was free until the drain ended.
    Unsent,
    /// Sent, but without an answer when the trial was stopped.
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

    /// Returns whether the request was answered, or refused, not as expected; see [`Outcomes::errors`].
    pub const fn is_error(self) -> bool {
        matches!(self, Self::WrongStatus | Self::WrongBody | Self::Connect | Self::Reset | Self::Timeout)
    }

    /// Returns the words used in messages.
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

/// The number of requests by outcome. The sum of all fields is the number scheduled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Outcomes {
    pub ok: u64,
    pub wrong_status: u64,
    pub wrong_body: u64,
    pub connect: u64,
    pub reset: u64,
    pub timeout: u64,
    pub unsent: u64,
    pub in_flight: u64,
}

impl Outcomes {
    /// Counts `n` requests with an outcome.
    pub fn add(&mut self, outcome: Outcome, n: u64) {
        *self.slot(outcome) += n;
    }

    /// Returns the number of requests with an outcome.
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

    /// Returns the number of all requests.
    pub fn total(&self) -> u64 {
        Outcome::ALL.into_iter().map(|outcome| self.of(outcome)).sum()
    }

    /// Returns the number of requests that were not answered as expected, without those unsent or in flight at the stop.
    pub const fn errors(&self) -> u64 {
        self.wrong_status + self.wrong_body + self.connect + self.reset + self.timeout
    }

    /// Returns the complete responses with a wrong status or body, which only the peer can cause.
    #[must_use]
    pub fn wrong_answers(&self) -> Self {
        Self { wrong_status: self.wrong_status, wrong_body: self.wrong_body, ..Self::default() }
    }

    /// Returns whether every request was answered as expected; also without a request.
    pub fn are_ok(&self) -> bool {
        self.total() == self.ok
    }

    /// Lists the outcomes that occurred: `"2,990 ok, 10 wrong body"`.
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
    fn the_sum_of_all_outcomes_is_the_total() {
        let mut outcomes = Outcomes::default();
        for (n, outcome) in (1..).zip(Outcome::ALL) {
            outcomes.add(outcome, n);
        }
        assert_eq!(outcomes.total(), 36);
        assert_eq!(outcomes.errors(), 2 + 3 + 4 + 5 + 6);
        let errors = Outcome::ALL.into_iter().filter(|outcome| outcome.is_error());
        assert_eq!(errors.map(|outcome| outcomes.of(outcome)).sum::<u64>(), outcomes.errors());
        let mut doubled = outcomes;
        doubled.merge(&outcomes);
        assert_eq!(doubled.total(), 72);
        assert_eq!(Outcomes { ok: 2990, wrong_body: 10, ..Outcomes::default() }.describe(), "2,990 ok, 10 wrong body");
    }
}
