//! Stored results against each other: the files of other tools, our own, and every way in which a checker can pass in silence.
mod aether;
mod copybook;
mod formats;
mod qnet;
mod results;

use crate::support;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::Scratch;
use harness::verdict::FailOn;
use harness::verdict::compare::{Comparison, Options, Rule, compare};
use harness::verdict::judgement::FindingKind;
use harness_base::exit::Exit;

/// A folder of files to compare.
struct Files(Scratch);

impl Files {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.0.join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Compares two texts.
    fn compare(&self, rule: Rule, base: &str, head: &str) -> Comparison {
        one(rule, &self.write("base.json", base), &self.write("head.json", head))
    }
}

fn one(rule: Rule, base: &Path, head: &Path) -> Comparison {
    compare(&[(base.to_owned(), head.to_owned())], Options { rule: Some(rule), fail_on: FailOn::Block })
}

/// Returns the only finding.
#[track_caller]
fn finding(comparison: &Comparison) -> FindingKind {
    let changes = &comparison.pairs[0].changes;
    assert_eq!(changes.len(), 1, "{comparison:#?}");
    changes[0].finding
}

/// Refused with that exit code, a first reason that says all of `parts`, and no finding.
#[track_caller]
fn refused(comparison: &Comparison, exit: Exit, parts: &[&str]) {
    assert_eq!(comparison.exit, exit, "{comparison:#?}");
    let message = &comparison.reasons[0];
    assert!(parts.iter().all(|part| message.contains(part)), "{message}\nlacks one of {parts:?}");
}

/// Runs one of the scripts with the harness of this build.
fn script(name: &str, arguments: &[&Path], environment: &[(&str, &str)]) -> Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts").join(name);
    let mut command = std::process::Command::new(path);
    for name in ["GITHUB_ACTIONS", "DURATION_TOLERANCE", "THROUGHPUT_TOLERANCE"] {
        command.env_remove(name);
    }
    command.env("HARNESS", env!("CARGO_BIN_EXE_harness")).envs(environment.iter().copied());
    command.args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
