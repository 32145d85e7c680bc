//! The report about the lines of a server that answer no request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, Outcomes};

/// Why a line answers no request that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stray {
    /// It is not a JSON-RPC message.
    Unreadable,
    /// Its `id` is that of no request.
    Unknown,
    /// Its `id` is that of a request that was answered already.
    Repeated,
    /// Its `id` is that of a request whose timeout had passed.
    Late,
}

impl Stray {
    pub const ALL: [Self; 4] = [Self::Unreadable, Self::Unknown, Self::Repeated, Self::Late];

    /// Returns the words used in messages.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unreadable => "no JSON-RPC message",
            Self::Unknown => "unknown id",
            Self::Repeated => "answered twice",
            Self::Late => "after the timeout",
        }
    }
}

/// Lines that answer no request, by what is wrong.
pub type Strays = BTreeMap<Stray, u64>;

/// What a server wrote in a trial besides answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stdio {
    /// Requests and notifications of the server.
    pub notifications: u64,
    /// Lines of the window that answer no request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub strays: Strays,
    /// The same of warm-up and drain.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outside: Strays,
    /// How long the server did not run in the window although it was due, in nanoseconds; known for the bundled one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_stall_ns: Option<u64>,
}

impl Stdio {
    /// Adds the counts of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.notifications += other.notifications;
        for (mine, theirs) in [(&mut self.strays, &other.strays), (&mut self.outside, &other.outside)] {
            theirs.iter().for_each(|(stray, count)| *mine.entry(*stray).or_default() += count);
        }
        if let Some(stalled) = other.server_stall_ns {
            *self.server_stall_ns.get_or_insert(0) += stalled;
        }
    }
}

/// Makes wrong answers of as many valid ones as there are lines of which no request accounts, in the window and outside of it.
///
/// A request that is answered twice has failed. A line with an unknown id, or without a message, can be the answer of a request that got
/// none, which has failed already; every other one is charged to a valid request, because no request could have asked for it. A late answer
/// belongs to a timeout.
pub(crate) fn charge(window: &mut Outcomes, outside: &mut Outcomes, stdio: &Stdio) {
    let of = |strays: &Strays, stray| strays.get(&stray).copied().unwrap_or(0);
    let foreign = |strays| of(strays, Stray::Unreadable) + of(strays, Stray::Unknown);
    let inside = foreign(&stdio.strays);
    let unexplained = (inside + foreign(&stdio.outside)).saturating_sub(window.timeout + outside.timeout);
    let charged = unexplained.min(inside);
    fail(window, of(&stdio.strays, Stray::Repeated) + charged);
    fail(outside, of(&stdio.outside, Stray::Repeated) + unexplained - charged);
}

fn fail(outcomes: &mut Outcomes, number: u64) {
    let charged = number.min(outcomes.ok);
    outcomes.ok -= charged;
    outcomes.add(Outcome::WrongBody, charged);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Charges lines of the window and lines outside of it to ten requests in each, and returns the wrong answers of both.
    fn charged(timeouts: (u64, u64), strays: &[(Stray, u64)], outside: &[(Stray, u64)]) -> (u64, u64) {
        let outcomes = |timeout| Outcomes { ok: 10, timeout, ..Outcomes::default() };
        let (mut window, mut rest) = (outcomes(timeouts.0), outcomes(timeouts.1));
        let (strays, outside) = (strays.iter().copied().collect(), outside.iter().copied().collect());
        charge(&mut window, &mut rest, &Stdio { strays, outside, ..Stdio::default() });
        assert_eq!([window.total(), rest.total()], [10 + timeouts.0, 10 + timeouts.1], "no request is lost");
        (window.wrong_body, rest.wrong_body)
    }

    #[test]
    fn every_fault_is_one_error() {
        assert_eq!(charged((0, 0), &[], &[]), (0, 0));
        assert_eq!(charged((0, 0), &[(Stray::Repeated, 3)], &[(Stray::Repeated, 1)]), (3, 1));
        assert_eq!(charged((4, 0), &[(Stray::Unknown, 4)], &[]), (0, 0), "the wrong ids are those of the timeouts");
        assert_eq!(
            charged((4, 0), &[(Stray::Unknown, 3)], &[(Stray::Unknown, 1)]),
            (0, 0),
            "one came after the window"
        );
        assert_eq!(charged((1, 0), &[(Stray::Unreadable, 2), (Stray::Unknown, 1)], &[]), (2, 0), "two lines too many");
        assert_eq!(charged((0, 0), &[(Stray::Unreadable, 1)], &[(Stray::Unreadable, 2)]), (1, 2));
        assert_eq!(charged((4, 0), &[(Stray::Late, 4)], &[]), (0, 0));
        assert_eq!(charged((0, 0), &[(Stray::Repeated, 50)], &[]), (10, 0));
    }
}
