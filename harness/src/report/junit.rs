//! `junit.xml`: the run as every CI shows test results. One suite for the scenario; a case for the verdict, for each stage, each
//! target and each finding.
//!
//! A suite fails exactly where the run's exit code is not 0: what a run may end with all the same (an alert, a target that is
//! not required) is skipped, with what was found as the message.

use super::html::text::escaped;
use super::{Error, ReportFormat, Summary};
use crate::measure::StageStatus;
use crate::verdict::judgement::{ClaimFinding, ClaimState, Finding, FindingKind, StageFinding, Topic};
use harness_base::exit::Exit;
use harness_base::units::Nanos;

pub(super) struct Junit;

impl ReportFormat for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn file_name(&self) -> &'static str {
        "junit.xml"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let cases = cases(summary);
        let count = |wanted: fn(&State) -> bool| cases.iter().filter(|case| wanted(&case.state)).count();
        let record = summary.record;
        let counts = format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\"",
            cases.len(),
            count(|state| matches!(state, State::Failure(..))),
            count(|state| matches!(state, State::Error(..))),
            Nanos(record.took_ns).as_secs_f64()
        );
        // Of a suite only: the schema of Jenkins has no such attribute for all of them.
        let skipped = count(|state| matches!(state, State::Skipped(_)));
        let suite: String = cases.iter().map(|case| case.xml(&record.scenario.name)).collect();
        let (name, at) = (escaped(&record.scenario.name), escaped(record.started_at.trim_end_matches('Z')));
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"harness\" {counts}>\n\
             <testsuite name=\"{name}\" {counts} skipped=\"{skipped}\" timestamp=\"{at}\">\n<properties>\n<property name=\"run_id\" value=\"{}\"/>\n\
             </properties>\n{suite}</testsuite>\n</testsuites>\n",
            escaped(&record.run_id)
        );
        Ok(text.into_bytes())
    }
}

/// What a case ended in: the type of a failure or an error, and what is said about it.
enum State {
    Passed(String),
    Failure(&'static str, String),
    Error(&'static str, String),
    Skipped(String),
}

struct Case {
    group: &'static str,
    name: String,
    state: State,
}

impl Case {
    fn xml(&self, scenario: &str) -> String {
        let content = match &self.state {
            State::Passed(message) if message.is_empty() => String::new(),
            State::Passed(message) => format!("<system-out>{}</system-out>\n", escaped(message)),
            State::Failure(kind, message) => format!("<failure type=\"{kind}\" message=\"{}\"/>\n", escaped(message)),
            State::Error(kind, message) => format!("<error type=\"{kind}\" message=\"{}\"/>\n", escaped(message)),
            State::Skipped(message) => format!("<skipped message=\"{}\"/>\n", escaped(message)),
        };
        let (class, name) = (escaped(&format!("{scenario}.{}", self.group)), escaped(&self.name));
        if content.is_empty() {
            return format!("<testcase classname=\"{class}\" name=\"{name}\"/>\n");
        }
        format!("<testcase classname=\"{class}\" name=\"{name}\">\n{content}</testcase>\n")
    }
}

fn cases(summary: &Summary<'_>) -> Vec<Case> {
    let judgement = summary.judgement;
    let verdict = Case { group: "verdict", name: "verdict".to_owned(), state: verdict(summary) };
    let optional =
        |found: &StageFinding| summary.record.stages.iter().any(|stage| stage.name == found.name && stage.optional);
    let stages = judgement.stages.iter().map(|found| stage(found, optional(found)));
    // What is not decided about a stage or a target stands with the stage or the target.
    let alarms = judgement.findings.iter().filter(|finding| matches!(finding.topic, Topic::Budget | Topic::Fault));
    let findings = alarms.chain(judgement.changes());
    let all = std::iter::once(verdict).chain(stages);
    all.chain(judgement.targets.iter().map(target)).chain(findings.map(finding)).collect()
}

fn verdict(summary: &Summary<'_>) -> State {
    let message = summary.headline.clone();
    match summary.judgement.exit {
        Exit::Pass => State::Passed(message),
        Exit::Regressed => State::Failure("regression", message),
        Exit::Invalid => State::Error("invalid", message),
        Exit::TargetFailed => State::Error("target-failed", message),
        Exit::InvalidInput | Exit::Usage | Exit::Interrupted => State::Error("not-measured", message),
    }
}

fn stage(found: &StageFinding, optional: bool) -> Case {
    let message = found.status.reasons().join("; ");
    let state = match &found.status {
        StageStatus::Valid => State::Passed(String::new()),
        StageStatus::Skipped(_) => State::Skipped(message),
        StageStatus::Invalid(_) if optional => State::Skipped(format!("optional and invalid: {message}")),
        StageStatus::Invalid(_) => State::Error("invalid", message),
        StageStatus::Failed(_) => State::Error("failed", message),
        StageStatus::Incomplete => State::Error("incomplete", message),
    };
    Case { group: "stage", name: found.name.clone(), state }
}

fn target(target: &ClaimFinding) -> Case {
    let message = format!("{}: {}", target.state.word(), target.message);
    let state = match target.state {
        ClaimState::Met => State::Passed(message),
        ClaimState::NotMet if target.required => State::Failure("regression", message),
        // A required target without a value makes the run INVALID, which the verdict says, unless its stage was dispensable.
        ClaimState::NotMet | ClaimState::Undecided | ClaimState::Absent => State::Skipped(message),
    };
    Case { group: "target", name: format!("{} {}", target.metric, target.limit), state }
}

fn finding(finding: &Finding) -> Case {
    let message = format!("{}: {}", finding.kind.word(), finding.message);
    let state = match finding.kind {
        FindingKind::Block => State::Failure("regression", message),
        FindingKind::Alert | FindingKind::Inconclusive => State::Skipped(message),
        FindingKind::Improved | FindingKind::Ok | FindingKind::Noise | FindingKind::Small => State::Passed(message),
    };
    Case { group: "finding", name: finding.subject.clone(), state }
}
