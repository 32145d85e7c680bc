//! Sorts streams by what became of them when the target was stopped.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::outcome::Outcome;
use harness_load::streams::StreamEnd;

/// A stream that was asked for so long before SIGTERM counts as open even if no event of it had arrived. One that was asked for later may
/// have met a listener that was closed already.
const SETTLED: Nanos = Nanos::from_millis(50);

/// The streams that were open when the target got SIGTERM, by what became of them, as the generator and the upstream saw it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StreamsMet {
    /// Streams that came to their end before SIGTERM.
    pub before: u64,
    /// Among them, those that failed or lacked events.
    pub failed_before: u64,
    /// Streams that were open at SIGTERM. Each of them is one of the following four.
    pub open: u64,
    /// All events arrived, and the answer ended as usual.
    pub drained: u64,
    /// The target ended the answer as if it were complete, although events are missing.
    pub finished: u64,
    /// The connection or the stream broke off.
    pub cut: u64,
    /// Nothing ended it within the timeout.
    pub hung: u64,
    /// From SIGTERM to the end of the last of them, in nanoseconds; absent if none was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_end_ns: Option<u64>,
    /// Open streams whose last event the upstream wrote.
    pub upstream_finished: u64,
    /// Open streams whose client went away before that, as the upstream saw it.
    pub upstream_cancelled: u64,
    /// Open streams that the upstream saw cancelled although all events arrived, so that one of both is wrong.
    pub contradicted: u64,
}

impl StreamsMet {
    /// Returns how many of the open streams did not come to their own end.
    pub const fn lost(&self) -> u64 {
        self.open - self.drained
    }

    /// Returns how many of the open streams the upstream saw neither finished nor cancelled.
    pub const fn unseen(&self) -> u64 {
        self.open.saturating_sub(self.upstream_finished).saturating_sub(self.upstream_cancelled)
    }

    /// Sorts the streams of a trial in which the target was stopped at `stopped`. The upstream `finished` and saw `cancelled` these.
    pub fn of(ends: &[StreamEnd], stopped: Mono, finished: &BTreeSet<u64>, cancelled: &BTreeSet<u64>) -> Self {
        let mut met = Self::default();
        for end in ends {
            if end.ended <= stopped {
                met.before += 1;
                met.failed_before += u64::from(!end.is_whole());
            } else if is_open(end, stopped) {
                met.add(end, stopped);
                let was = |seen: &BTreeSet<u64>| end.stream.is_some_and(|stream| seen.contains(&stream));
                met.upstream_finished += u64::from(was(finished));
                met.upstream_cancelled += u64::from(was(cancelled));
                met.contradicted += u64::from(was(cancelled) && end.is_whole());
            }
        }
        met
    }

    fn add(&mut self, end: &StreamEnd, stopped: Mono) {
        self.open += 1;
        let kind = match end.outcome {
            _ if end.is_whole() => &mut self.drained,
            Outcome::Ok | Outcome::WrongBody | Outcome::WrongStatus => &mut self.finished,
            Outcome::Timeout | Outcome::InFlight => &mut self.hung,
            _ => &mut self.cut,
        };
        *kind += 1;
        let took = end.ended.since(stopped).0;
        self.last_end_ns = Some(self.last_end_ns.unwrap_or(0).max(took));
    }
}

/// Returns whether the target had taken a stream when it was stopped.
fn is_open(end: &StreamEnd, stopped: Mono) -> bool {
    end.first.is_some_and(|first| first < stopped) || end.sent.after(SETTLED) <= stopped
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOPPED: Mono = Mono(1_000_000_000);

    /// Creates a stream of 10 events that was asked for 100 ms before SIGTERM, and ended so many milliseconds after it.
    fn end(stream: u64, outcome: Outcome, arrived: u64, after_ms: u64) -> StreamEnd {
        let sent = Mono(STOPPED.0 - 100_000_000);
        let ended = STOPPED.after(Nanos::from_millis(after_ms));
        StreamEnd { stream: Some(stream), sent, first: Some(sent), ended, outcome, asked: 10, arrived }
    }

    #[test]
    fn open_streams_are_sorted_by_what_both_ends_saw() {
        let ends = [
            end(1, Outcome::Ok, 10, 200),
            end(2, Outcome::Ok, 7, 300),
            end(3, Outcome::Reset, 7, 400),
            end(4, Outcome::Timeout, 7, 900),
            end(5, Outcome::Ok, 10, 100),
        ];
        let met = StreamsMet::of(&ends, STOPPED, &BTreeSet::from([1]), &BTreeSet::from([2, 3, 5]));
        assert_eq!((met.open, met.drained, met.finished, met.cut, met.hung), (5, 2, 1, 1, 1));
        assert_eq!((met.upstream_finished, met.upstream_cancelled, met.unseen(), met.contradicted), (1, 3, 1, 1));
        assert_eq!((met.lost(), met.last_end_ns), (3, Some(900_000_000)));
    }

    #[test]
    fn streams_that_ended_before_or_may_have_come_too_late_are_not_open() {
        let early = StreamEnd { ended: Mono(STOPPED.0 - 1), ..end(1, Outcome::Ok, 10, 0) };
        let broken = StreamEnd { outcome: Outcome::Reset, arrived: 3, ..early };
        let late = Mono(STOPPED.0 - 10_000_000);
        let racing = StreamEnd { stream: None, sent: late, first: None, ..end(2, Outcome::Reset, 0, 5) };
        let silent = StreamEnd { stream: None, first: None, ..end(3, Outcome::Reset, 0, 5) };
        let met = StreamsMet::of(&[early, broken, racing, silent], STOPPED, &BTreeSet::new(), &BTreeSet::new());
        assert_eq!((met.before, met.failed_before, met.open, met.cut), (2, 1, 1, 1));
        assert_eq!((met.unseen(), met.contradicted), (1, 0));
    }
}
