//! Writes `junit.xml`, so that CI systems show the run like test results: one suite for the scenario, and a case for
//! the verdict and for each stage, target and finding.
//!
//! A suite fails exactly if the exit code of the run is not 0. A case that does not change the exit code (an alert, a
//! target that is not required) is skipped, with the finding as its message.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{Error, ReportFormat, Summary};
use crate::measure::StageStatus;
use crate::verdict::judgement::{ClaimFinding, ClaimState, Finding, FindingKind, StageFinding, Topic};
use harness_base::exit::Exit;
use harness_base::printable;
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
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        write(&mut writer, summary).map_err(|cause| Error::NoXml { format: "junit", cause })?;
        let mut text = writer.into_inner();
        text.push(b'\n');
        Ok(text)
    }
}

fn write(writer: &mut Writer<Vec<u8>>, summary: &Summary<'_>) -> io::Result<()> {
    let record = summary.record;
    let cases = cases(summary);
    let count = |wanted: fn(&State) -> bool| cases.iter().filter(|case| wanted(&case.state)).count().to_string();
    let counts = [
        ("tests", cases.len().to_string()),
        ("failures", count(|state| matches!(state, State::Failure(..)))),
        ("errors", count(|state| matches!(state, State::Error(..)))),
        ("time", format!("{:.3}", Nanos(record.took_ns).as_secs_f64())),
    ];
    let counts = || counts.iter().map(|(name, value)| (*name, value.as_str()));
    // Only a suite has it: the schema of Jenkins has no such attribute for the list of suites.
    let skipped = count(|state| matches!(state, State::Skipped(_)));
    let name = legal(&record.scenario.name);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let root = writer.create_element("testsuites").with_attribute(("name", "harness")).with_attributes(counts());
    root.write_inner_content(|writer| {
        let suite = writer.create_element("testsuite").with_attribute(("name", name.as_str()));
        let suite = suite.with_attributes(counts()).with_attribute(("skipped", skipped.as_str()));
        let suite = suite.with_attribute(("timestamp", record.started_at.trim_end_matches('Z')));
        suite.write_inner_content(|writer| {
            writer.create_element("properties").write_inner_content(|writer| {
                let run_id = legal(&record.run_id);
                let property = writer.create_element("property");
                property.with_attributes([("name", "run_id"), ("value", run_id.as_str())]).write_empty().map(drop)
            })?;
            cases.iter().try_for_each(|case| case.write(writer, &name))
        })?;
        Ok(())
    })?;
    Ok(())
}

fn legal(text: &str) -> String {
    text.chars().map(printable::letter).collect()
}

/// How a case ended: the type of a failure or an error, and its message.
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
    fn write(&self, writer: &mut Writer<Vec<u8>>, scenario: &str) -> io::Result<()> {
        let (class, name) = (format!("{scenario}.{}", self.group), legal(&self.name));
        let attributes = [("classname", class.as_str()), ("name", name.as_str())];
        let case = writer.create_element("testcase").with_attributes(attributes);
        if matches!(&self.state, State::Passed(message) if message.is_empty()) {
            return case.write_empty().map(drop);
        }
        case.write_inner_content(|writer| {
            let (element, kind, message) = match &self.state {
                State::Passed(message) => {
                    let output = writer.create_element("system-out");
                    return output.write_text_content(BytesText::new(&legal(message))).map(drop);
                }
                State::Failure(kind, message) => ("failure", Some(*kind), message),
                State::Error(kind, message) => ("error", Some(*kind), message),
                State::Skipped(message) => ("skipped", None, message),
            };
            let element = writer.create_element(element).with_attributes(kind.map(|kind| ("type", kind)));
            element.with_attribute(("message", legal(message).as_str())).write_empty().map(drop)
        })?;
        Ok(())
    }
}

fn cases(summary: &Summary<'_>) -> Vec<Case> {
    let judgement = summary.judgement;
    let verdict = Case { group: "verdict", name: "verdict".to_owned(), state: verdict(summary) };
    let optional =
        |found: &StageFinding| summary.record.stages.iter().any(|stage| stage.name == found.name && stage.optional);
    let stages = judgement.stages.iter().map(|found| stage(found, optional(found)));
    // An undecided stage or target is reported as such.
    let is_alarm = |finding: &&Finding| matches!(finding.topic, Topic::Budget | Topic::Fault | Topic::Stream);
    let alarms = judgement.findings.iter().filter(is_alarm);
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
        // A required target without a value makes the run INVALID, which the verdict reports, unless its stage is optional.
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
