//! Tests what a run publishes: the comment on a pull request, against a stand-in for GitHub's interface on loopback; Bencher,
//! against a recording stand-in for its command line, which cannot be installed here; and what GitHub Actions reads of a step.
//! TC-OBS-001 to 007 are the test matrix of REQ-OBS-001 section 12.
mod actions;
mod artifacts;
mod bencher;
mod bundle;
mod comment;
mod hostile;
mod shell;

use crate::sample;
use crate::support;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::support::Scratch;
use harness::measure::Record;
use harness::measure::record::StageStatus;
use harness::report::{self, Summary};
use harness::verdict::claim::Claim;
use harness::verdict::{Options, Stored, judge};

/// The folder of a run.
struct Run {
    scratch: Scratch,
}

impl Run {
    fn of(record: Record, claims: &[Claim]) -> Self {
        let scratch = Scratch::new();
        let folder = scratch.0.join("run");
        std::fs::create_dir_all(&folder).unwrap();
        let judgement = judge(&record, claims, Options::default());
        let stored = Stored::new(record, judgement).unwrap();
        stored.write(&folder.join("result.json")).unwrap();
        report::write(&Summary::new(&stored.record, &stored.judgement), &folder).unwrap();
        Self { scratch }
    }

    /// Nothing to complain about.
    fn quiet() -> Self {
        Self::of(sample::record(), &[])
    }

    /// Returns a run that missed a required target: exit code 3. The scenario says so too, for commands that judge the record
    /// again.
    fn regressed() -> Self {
        let mut record = sample::record();
        record.scenario.text =
            "name = \"sidecar\"\n[targets]\n\"startup/to_ready\" = { limit = \"< 1ms\", required = true }\n".to_owned();
        let claim = Claim { metric: "startup/to_ready".to_owned(), bound: 1.0, below: true, required: true, age: None };
        Self::of(record, &[claim])
    }

    /// One stage could not run, which its scenario allows.
    fn without_overhead() -> Self {
        let mut record = sample::record();
        let stage = record.stages.iter_mut().find(|stage| stage.name == "overhead").unwrap();
        stage.optional = true;
        stage.status = StageStatus::Skipped(sample::died("no container engine answers"));
        Self::of(record, &[])
    }

    fn folder(&self) -> PathBuf {
        self.scratch.0.join("run")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.0.join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap_or_default()
    }
}

/// Variables of a runner, which must not leak from where the tests run into them.
fn without_runner(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let runner = ["GITHUB_", "BENCHER_", "PR_"].iter().any(|start| text.starts_with(start));
        if runner || text.to_lowercase().ends_with("_proxy") || matches!(text.as_ref(), "CI" | "MAIN_BRANCH") {
            command.env_remove(&name);
        }
    }
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
