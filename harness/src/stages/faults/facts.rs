//! Defines faults: what fails while the target is under load, the recorded facts, and the arithmetic on them.

mod streams;

use serde::{Deserialize, Serialize};

pub use self::streams::StreamsMet;
use crate::measure::exit::ExitFacts;
use crate::measure::own::OwnFacts;
use harness_load::facts::Ticks;
use harness_load::outcome::{Outcome, Outcomes};

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The upstream refuses connections, and closes the open ones.
    UpstreamDown,
    /// The upstream delays every answer.
    UpstreamSlow,
    /// The upstream resets every request.
    UpstreamReset,
    /// The upstream closes its side of the stream instead of answering, and keeps listening.
    UpstreamHalfClose,
    /// The upstream answers with bytes that are not HTTP.
    UpstreamGarbage,
    /// Clients open a connection for every request, and close the previous one.
    Reconnects,
    /// Other clients send continuously and read very slowly.
    SlowReaders,
    /// The target is stopped (SIGTERM).
    Stop,
    /// The target is stopped while streams are open through it.
    StopStreams,
    /// The target is stopped and started again.
    Restart,
}

/// Expected behaviour of the target, strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    Answers,
    /// Requests may fail, but none hangs, and none returns a success with a wrong body.
    Errors,
    /// Requests may fail, also with errors inside of a success, but none hangs.
    ErrorsInBodies,
}

/// One planned fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Kind of the fault.
    pub kind: FaultKind,
    /// Expected behaviour of the target.
    pub expect: Expectation,
    /// Why it is impossible here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// Settings of stage `faults`. All spans are in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub before_ns: u64,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub fault_ns: u64,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub after_ns: u64,
    /// Time after a fault within which every request must be answered again.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub recover_ns: u64,
    /// A request without a complete answer by then hangs.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub timeout_ns: u64,
    /// Delay of every answer of a slow upstream.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub slow_ns: u64,
    #[serde(default)]
    pub readers: u64,
    /// Streams that are open at the same time, for the fault that is about streams.
    #[serde(default)]
    pub streams: u64,
    /// Mean length of such a stream.
    #[serde(default)]
    pub stream_ns: u64,
    /// The faults, in their planned order.
    pub planned: Vec<Planned>,
}

impl OwnFacts for Stage {}

/// Facts of one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Its fault; absent if it was not caused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultRecord>,
}

impl OwnFacts for Instance {}

/// The fault of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FaultRecord {
    /// Kind of the fault.
    pub kind: FaultKind,
    /// Confirmed begin, in nanoseconds since the start of the window.
    pub began_ns: u64,
    /// Confirmed end, likewise; for a restart, when the target was started again. Absent for a stop.
    pub ended_ns: Option<u64>,
    /// Requests that the fault affected, as counted by the upstream; for an upstream that is down, connections that it
    /// closed; for slow readers, those that the target began to answer. Absent for other faults.
    pub made: Option<u64>,
    /// How the target exited, if it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitFacts>,
    /// What became of the streams; absent for other faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<StreamsMet>,
}

/// The effect of a fault on the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// Requests whose intended start is in the window.
    pub scheduled: u64,
    pub outcomes: Outcomes,
    /// Requests that were not answered as expected, except connections that a stopped target refused: these are errors,
    /// but not lost, because the target never accepted them.
    pub lost: u64,
    /// Start of the first and end of the last tick with an error, in nanoseconds since the fault began; negative if
    /// before it.
    pub errors_ns: Option<(i64, i64)>,
    /// From the end of the fault to the end of the last tick with an error that began after it: 0 if there is none.
    /// Absent if the target still failed at the end, and for a fault that does not end.
    pub recovery_ns: Option<u64>,
}

impl FaultKind {
    /// Every kind, in the order in which they are caused.
    pub const ALL: [Self; 10] = [
        Self::UpstreamDown,
        Self::UpstreamSlow,
        Self::UpstreamReset,
        Self::UpstreamHalfClose,
        Self::UpstreamGarbage,
        Self::Reconnects,
        Self::SlowReaders,
        Self::Restart,
        Self::Stop,
        Self::StopStreams,
    ];

    /// Returns its name in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UpstreamDown => "upstream_down",
            Self::UpstreamSlow => "upstream_slow",
            Self::UpstreamReset => "upstream_reset",
            Self::UpstreamHalfClose => "upstream_half_close",
            Self::UpstreamGarbage => "upstream_garbage",
            Self::Reconnects => "reconnects",
            Self::SlowReaders => "slow_readers",
            Self::Stop => "stop",
            Self::StopStreams => "stop_streams",
            Self::Restart => "restart",
        }
    }

    /// Returns whether the upstream causes the fault.
    pub const fn is_upstreams(self) -> bool {
        !matches!(self, Self::Reconnects | Self::SlowReaders) && !self.ends_target()
    }

    /// Returns whether there must be an upstream.
    pub const fn needs_upstream(self) -> bool {
        self.is_upstreams() || matches!(self, Self::StopStreams)
    }

    /// Returns whether the fault stops the target.
    pub const fn ends_target(self) -> bool {
        matches!(self, Self::Stop | Self::StopStreams | Self::Restart)
    }

    /// Returns whether the target is not started again.
    pub const fn ends_for_good(self) -> bool {
        matches!(self, Self::Stop | Self::StopStreams)
    }

    /// Returns the behaviour that is expected unless the scenario says otherwise.
    pub const fn expected(self) -> Expectation {
        match self {
            Self::UpstreamSlow | Self::Reconnects | Self::SlowReaders | Self::Stop => Expectation::Answers,
            _ => Expectation::Errors,
        }
    }
}

impl Expectation {
    pub const ALL: [Self; 3] = [Self::Answers, Self::Errors, Self::ErrorsInBodies];

    /// Returns its name in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Errors => "errors",
            Self::ErrorsInBodies => "errors_in_bodies",
        }
    }
}

impl FaultRecord {
    /// Computes the effect of the fault from the ticks of its window.
    pub fn effect(&self, ticks: &Ticks) -> Effect {
        let mut outcomes = Outcomes::default();
        ticks.outcomes.iter().for_each(|tick| outcomes.merge(tick));
        let refused = if self.kind.ends_target() { outcomes.of(Outcome::Connect) } else { 0 };
        let scheduled = outcomes.total();
        Effect {
            scheduled,
            outcomes,
            lost: scheduled - outcomes.ok - refused,
            errors_ns: self.errors(ticks),
            recovery_ns: self.ended_ns.and_then(|ended| recovery(ticks, ended)),
        }
    }

    fn errors(&self, ticks: &Ticks) -> Option<(i64, i64)> {
        let since = |ns: u64| ns as i64 - self.began_ns as i64;
        let first = ticks.outcomes.iter().position(failed)?;
        let last = ticks.outcomes.iter().rposition(failed)?;
        Some((since(first as u64 * ticks.length_ns), since((last as u64 + 1) * ticks.length_ns)))
    }
}

/// Counts requests of a tick that were not answered as expected.
fn failed(tick: &Outcomes) -> bool {
    tick.total() > tick.ok
}

fn recovery(ticks: &Ticks, ended_ns: u64) -> Option<u64> {
    // The fault may have affected requests that start in the tick in which it ended.
    let first = usize::try_from(ended_ns.div_ceil(ticks.length_ns.max(1))).ok()?;
    let after = ticks.outcomes.get(first..)?;
    let answered = after.iter().rposition(|tick| tick.ok > 0)?;
    match after.iter().rposition(failed) {
        None => Some(0),
        Some(last) if last < answered => Some(((first + last) as u64 + 1) * ticks.length_ns - ended_ns),
        Some(_) => None,
    }
}

/// Returns the errors in the first half of the time before a fault, and the number of requests in it: a target that
/// fails without a fault shows nothing about it. The second half is ignored, because its requests may still be in
/// progress when the fault begins.
pub fn errors_before(ticks: &Ticks, before_ns: u64) -> (u64, u64) {
    let number = usize::try_from(before_ns / 2 / ticks.length_ns.max(1)).unwrap_or(usize::MAX);
    let mut outcomes = Outcomes::default();
    ticks.outcomes.iter().take(number).for_each(|tick| outcomes.merge(tick));
    (outcomes.total() - outcomes.ok, outcomes.total())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: u64 = 50;

    /// Creates ticks of 50 ns with ten requests each, of which so many were reset.
    fn ticks(reset: &[u64]) -> Ticks {
        let tick = |reset: &u64| Outcomes { ok: 10 - reset, reset: *reset, ..Outcomes::default() };
        Ticks { length_ns: TICK, outcomes: reset.iter().map(tick).collect() }
    }

    fn fault(kind: FaultKind, ended_ns: Option<u64>) -> FaultRecord {
        FaultRecord { kind, began_ns: 110, ended_ns, made: None, exit: None, streams: None }
    }

    fn recovery_of(reset: &[u64], ended_ns: u64) -> Option<u64> {
        fault(FaultKind::UpstreamReset, Some(ended_ns)).effect(&ticks(reset)).recovery_ns
    }

    #[test]
    fn a_fault_costs_what_was_not_answered() {
        let effect = fault(FaultKind::UpstreamReset, Some(220)).effect(&ticks(&[0, 0, 4, 10, 1, 0, 0]));
        assert_eq!((effect.scheduled, effect.lost, effect.outcomes.reset), (70, 15, 15));
        assert_eq!(effect.errors_ns, Some((-10, 140)), "from the start of the first tick to the end of the last");
        assert_eq!(effect.recovery_ns, Some(0), "what was to start in the tick of its end may have met it");
        let none = fault(FaultKind::UpstreamReset, Some(220)).effect(&ticks(&[0; 7]));
        assert_eq!((none.lost, none.errors_ns, none.recovery_ns), (0, None, Some(0)));
    }

    #[test]
    fn recovery_ends_with_the_last_error_after_the_fault() {
        assert_eq!(recovery_of(&[0, 0, 5, 5, 5, 0, 1, 0], 150), Some(200), "an error in between is not the end");
        assert_eq!(recovery_of(&[0, 0, 5, 0, 0], 150), Some(0));
        assert_eq!(recovery_of(&[0, 0, 5, 5, 0], 149), Some(51), "the tick that begins after 149 ends at 200");
        assert_eq!(recovery_of(&[0, 0, 5, 5, 5], 150), None, "it fails to the end");
        assert_eq!(recovery_of(&[0, 0, 5, 5, 0], 250), None, "nothing was sent after it");
        let mut silent = ticks(&[0, 0, 5, 5, 0]);
        silent.outcomes[4] = Outcomes::default();
        let effect = fault(FaultKind::UpstreamReset, Some(150)).effect(&silent);
        assert_eq!(effect.recovery_ns, None, "without requests there is no recovery");
        assert_eq!(fault(FaultKind::Stop, None).effect(&ticks(&[0, 0, 5])).recovery_ns, None);
    }

    #[test]
    fn a_connection_that_a_stopped_target_refuses_is_no_lost_request() {
        let outcomes = vec![Outcomes { ok: 7, connect: 2, timeout: 1, ..Outcomes::default() }];
        let ticks = Ticks { length_ns: TICK, outcomes };
        assert_eq!(fault(FaultKind::Stop, None).effect(&ticks).lost, 1);
        assert_eq!(fault(FaultKind::UpstreamDown, Some(1)).effect(&ticks).lost, 3);
    }

    #[test]
    fn errors_before_a_fault_are_those_of_its_first_half() {
        assert_eq!(errors_before(&ticks(&[0, 1, 2, 9, 10]), 200), (1, 20));
        assert_eq!(errors_before(&ticks(&[3]), 49), (0, 0));
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for kind in FaultKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        for expectation in Expectation::ALL {
            assert_eq!(serde_json::to_value(expectation).unwrap(), expectation.name());
        }
    }
}
