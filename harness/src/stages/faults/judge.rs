//! Judges faults: their effect on requests, and whether the target behaved as expected.
//!
//! `docs/faults.md` contains the rules. All results are computed from the record.

mod message;

use serde::{Deserialize, Serialize};

use super::derive::{is_measured, trial_of};
use super::facts::{Effect, Expectation, FaultKind, Planned, Stage, StreamsMet};
use crate::measure::exit::ExitFacts;
use crate::measure::facts::StageFacts;
use crate::measure::launch::Ending;
use crate::measure::metric::{Absent, Metric};
use crate::measure::outcome::Outcomes;
use crate::measure::record::StageRecord;
use crate::verdict::judgement::finding::{Finding, FindingKind, Topic};
use crate::verdict::judging::{Judging, no_trend};
use harness_stats::Estimate;

/// The base is not measured in this stage.
pub(crate) const JUDGING: Judging = Judging { head_alone: true, errors_are_results: true, ..Judging::ROUNDS };

/// The result of a stage `faults`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Judged {
    pub stage: String,
    /// Time after a fault within which every request must be answered again, in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub recover_ns: u64,
    /// Load after a fault, in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub after_ns: u64,
    /// A request without a complete answer by then hangs, in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub timeout_ns: u64,
    /// Every planned fault, in order.
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Kind of the fault.
    pub kind: FaultKind,
    /// Expected behaviour of the target.
    pub expect: Expectation,
    pub state: RowState,
    /// The observed effect; absent if the fault was not caused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Violated expectations, or why the result is unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub message: Vec<String>,
}

/// The observed effect of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Requests whose intended start is in the window.
    pub scheduled: u64,
    pub outcomes: Outcomes,
    /// Requests that the target accepted, or should have accepted, and did not answer as expected.
    pub lost: u64,
    /// Requests that the fault affected, as counted by the upstream; for an upstream that is down, connections that it
    /// closed; for slow readers, those that the target began to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<u64>,
    /// Start of the first tick with an error and end of the last, in nanoseconds since the fault began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors_ns: Option<(i64, i64)>,
    /// From the end of the fault until every request was answered, in nanoseconds; absent if the target still failed at
    /// the end, and for a fault that does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_ns: Option<u64>,
    /// How the target exited, if it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitFacts>,
    /// What became of the streams that were open when it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<StreamsMet>,
}

/// Whether a target behaved as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    AsExpected,
    NotAsExpected,
    /// The fault is impossible here.
    Skipped,
    /// The fault was not caused, its load was disturbed, or it affected no request.
    Unknown,
}

impl RowState {
    pub const fn words(self) -> &'static str {
        match self {
            Self::AsExpected => "as expected",
            Self::NotAsExpected => "NOT AS EXPECTED",
            Self::Skipped => "skipped",
            Self::Unknown => "not known",
        }
    }
}

/// Judges a stage as far as it ran; `None` for a stage of another kind.
pub(crate) fn judge(stage: &StageRecord) -> Option<Judged> {
    let StageFacts::Faults(facts) = &stage.facts else { return None };
    Some(Judged {
        stage: stage.name.clone(),
        recover_ns: facts.recover_ns,
        after_ns: facts.after_ns,
        timeout_ns: facts.timeout_ns,
        rows: facts.planned.iter().map(|planned| row(stage, facts, planned)).collect(),
    })
}

fn row(stage: &StageRecord, facts: &Stage, planned: &Planned) -> Row {
    let Planned { kind, expect, skipped } = planned;
    let row = |state, seen, message| Row { kind: *kind, expect: *expect, state, seen, message };
    if let Some(why) = skipped {
        return row(RowState::Skipped, None, vec![why.clone()]);
    }
    let Some(seen) = seen(stage, *kind) else {
        return row(RowState::Unknown, None, vec!["it was not made".to_owned()]);
    };
    if !is_measured(stage, *kind) {
        return row(RowState::Unknown, Some(seen), vec!["its load was disturbed, see the rejected rounds".to_owned()]);
    }
    if let Some(why) = seen.streams.as_ref().and_then(message::unknown_streams) {
        return row(RowState::Unknown, Some(seen), vec![why]);
    }
    // An upstream that is down closes no connection if the target keeps none, but a refused connection was observed.
    if seen.made == Some(0) && *kind != FaultKind::UpstreamDown {
        return row(RowState::Unknown, Some(seen), vec![message::not_met(*kind)]);
    }
    let broken = broken(&seen, facts, planned);
    let state = if broken.is_empty() { RowState::AsExpected } else { RowState::NotAsExpected };
    row(state, Some(seen), broken)
}

fn seen(stage: &StageRecord, kind: FaultKind) -> Option<Seen> {
    let (_, fault, trial) = trial_of(stage, kind)?;
    let Effect { scheduled, outcomes, lost, errors_ns, recovery_ns } = fault.effect(trial.load.ticks.as_ref()?);
    let (made, exit, streams) = (fault.made, fault.exit.clone(), fault.streams);
    // Requests that began at the very moment of SIGTERM are no open streams.
    let lost = streams.as_ref().map_or(lost, StreamsMet::lost);
    Some(Seen { scheduled, outcomes, lost, made, errors_ns, recovery_ns, exit, streams })
}

/// Describes every violated expectation in a sentence.
fn broken(seen: &Seen, facts: &Stage, planned: &Planned) -> Vec<String> {
    let Planned { kind, expect, .. } = planned;
    let mut broken = Vec::new();
    match &seen.streams {
        Some(streams) => broken.extend(broken_by_streams(streams, *expect)),
        None if *expect == Expectation::Answers && seen.lost > 0 => broken.push(message::lost(seen)),
        None => {}
    }
    if seen.streams.is_none() && seen.outcomes.timeout > 0 {
        broken.push(message::hung(seen, facts.timeout_ns));
    }
    if seen.outcomes.wrong_body > 0 && *expect != Expectation::ErrorsInBodies {
        broken.push(message::masked(seen));
    }
    if !kind.ends_for_good() {
        match seen.recovery_ns {
            None => broken.push(message::never_recovered(facts.after_ns)),
            Some(recovery) if recovery > facts.recover_ns => broken.push(message::late(recovery, facts.recover_ns)),
            Some(_) => {}
        }
    }
    if let Some(exit) = &seen.exit {
        let graceful = !kind.ends_for_good() || *expect != Expectation::Answers || exit.ending == Ending::Code(0);
        if exit.killed {
            broken.push(message::killed(exit));
        } else if !graceful {
            broken.push(message::wrong_exit(exit));
        }
    }
    broken
}

/// Describes what must not become of open streams: none is lost if the target is to answer, none hangs, and none looks complete although it
/// is not, unless errors in bodies are expected.
fn broken_by_streams(streams: &StreamsMet, expect: Expectation) -> Vec<String> {
    let mut broken = Vec::new();
    if expect == Expectation::Answers && streams.lost() > 0 {
        broken.push(message::lost_streams(streams));
    }
    if streams.hung > 0 {
        broken.push(message::hung_streams(streams));
    }
    if streams.finished > 0 && expect == Expectation::Errors {
        broken.push(message::short_streams(streams));
    }
    broken
}

impl Judged {
    /// Reports violated expectations as blocks, because the scenario states them, and unknown results as inconclusive.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let finding = |row: &Row| {
            let kind = match row.state {
                RowState::AsExpected => return None,
                RowState::NotAsExpected => FindingKind::Block,
                RowState::Skipped | RowState::Unknown => FindingKind::Inconclusive,
            };
            let subject = format!("{}/{}", self.stage, row.kind.name());
            Some(Finding { subject, topic: Topic::Fault, kind, message: row.message.join("; "), weighed: None })
        };
        self.rows.iter().filter_map(finding).collect()
    }

    pub(crate) fn trend(&self, metric: &Metric) -> Result<Estimate, Absent> {
        Err(no_trend(metric, &self.stage))
    }
}
