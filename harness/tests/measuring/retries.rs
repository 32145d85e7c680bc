//! `--retry-invalid`: a run that ends INVALID is measured again, and its record says so.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::waiting::eventually;
use harness::verdict::Stored;
use harness_base::exit::Exit;

use crate::alone;
use crate::support::{Ran, Scratch, harness, ran, run_command, sidecar};

const CAPACITY: &str = "[stage.capacity]\nrounds = 6\nvus = 2\nwarmup = \"100ms\"\nwindow = \"200ms\"\n";

/// Returns a scenario whose preflight never finds what it expects, so that every attempt is INVALID.
fn always_invalid() -> String {
    sidecar(&[], CAPACITY).replace("present = [\"/result\"]", "present = [\"/resultat\"]")
}

/// Returns the folders of all attempts, in their order.
fn attempts(scratch: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(scratch.join("out/truth")) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn a_run_that_stays_invalid_is_measured_as_often_as_allowed() {
    let _alone = alone();
    let scratch = Scratch::new();
    let output =
        run_command(&scratch, &always_invalid()).args(["--retry-invalid", "2", "--format", "json"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(6), "{stderr}");
    let folders = attempts(&scratch.0);
    let results: Vec<Stored> =
        folders.iter().map(|folder| Stored::read(&folder.join("result.json")).unwrap()).collect();
    let names: Vec<String> = folders.iter().map(|folder| name(folder)).collect();
    let of_first = |retry: u32| format!("{}-retry-{retry}", names[0]);
    assert_eq!(names[1..], [of_first(1), of_first(2)]);
    for (before, stored) in results.iter().enumerate() {
        assert_eq!((stored.record.run_id.as_str(), stored.judgement.exit), (names[before].as_str(), Exit::Invalid));
        let retries = &stored.record.retries;
        assert_eq!(
            retries.iter().map(|retry| &retry.run_id).collect::<Vec<_>>(),
            names[..before].iter().collect::<Vec<_>>()
        );
        for (retry, earlier) in retries.iter().zip(&results) {
            assert_eq!((retry.exit, &retry.reasons), (Exit::Invalid, &earlier.judgement.reasons()));
            assert!(retry.reasons[0].contains("/resultat"), "{retry:?}");
        }
    }
    // Stdout carries one document: that of the last attempt.
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["run_id"], names[2].as_str());
    assert_eq!(verdict["retries"].as_array().unwrap().len(), 2);
    for shown in ["measuring again, retry 1 of 2", "measuring again, retry 2 of 2", &names[1]] {
        assert!(stderr.contains(shown), "{shown} is not in\n{stderr}");
    }
    let validated = harness().arg("validate").args(&folders).output().unwrap();
    assert_eq!(validated.status.code(), Some(0), "{}", String::from_utf8_lossy(&validated.stdout));
}

/// Returns a target that answers wrongly in the first attempt and rightly from then on.
pub(crate) fn wrong_once_target(scratch: &Scratch) -> PathBuf {
    let (wrapper, seen) = (scratch.0.join("target"), scratch.0.join("seen"));
    let program = env!("CARGO_BIN_EXE_harness");
    let script = format!(
        "#!/bin/sh\nif mkdir {} 2>/dev/null; then set -- --error-every 1 --error-kind jsonrpc \"$@\"; fi\nexec {program} __sidecar \"$@\"\n",
        seen.display()
    );
    std::fs::write(&wrapper, script).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    wrapper
}

/// Returns a scenario with such a target.
fn wrong_once(scratch: &Scratch) -> String {
    sidecar(&[], CAPACITY).replace("builtin:sidecar", wrong_once_target(scratch).to_str().unwrap())
}

fn wrong_once_ran(arguments: &[&str]) -> Ran {
    let scratch = Scratch::new();
    let scenario = wrong_once(&scratch);
    let output = run_command(&scratch, &scenario).args(arguments).output().unwrap();
    ran(scratch, output)
}

#[test]
fn the_attempt_that_is_valid_counts_and_says_what_was_wrong_before() {
    let _alone = alone();
    // The host may disturb further attempts; the first one is INVALID by the target.
    let ran = wrong_once_ran(&["--retry-invalid", "9"]);
    ran.expect_code(0);
    assert!(ran.value("throughput/rps_2vu") > 0.0);
    let record = ran.record();
    assert!(record.retries[0].reasons[0].contains("wrong body"), "{:?}", record.retries);
    assert!(ran.shows("measured again: the attempt"), "{}", ran.stdout);
    let once = wrong_once_ran(&[]);
    once.expect_code(6);
    assert!(once.record().retries.is_empty());
}

#[test]
fn a_run_that_is_not_invalid_is_not_repeated() {
    let _alone = alone();
    let scratch = Scratch::new();
    let scenario = sidecar(&["--exit-at-start", "3"], "[stage.startup]\nlaunches = 6\n");
    let output = run_command(&scratch, &scenario).args(["--retry-invalid", "3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(attempts(&scratch.0).len(), 1);
    let wrong = harness().args(["run", "scenario.toml", "--retry-invalid", "10"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(4));
}

#[test]
fn an_interrupt_ends_all_attempts() {
    let _alone = alone();
    let scratch = Scratch::new();
    // The second attempt is long, and is interrupted in the middle of it.
    let scenario = wrong_once(&scratch).replace("rounds = 6", "rounds = 600");
    let mut child = run_command(&scratch, &scenario)
        .args(["--retry-invalid", "9"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let is_measuring = || {
        let journal = attempts(&scratch.0).get(1).map(|folder| folder.join("journal.jsonl"));
        let text = journal.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        text.contains("\"trial\"")
    };
    eventually("the second attempt", is_measuring);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(attempts(&scratch.0).len(), 2);
    let ran = ran(scratch, child.wait_with_output().unwrap());
    let record = ran.record();
    assert!(record.interrupted && record.retries.len() == 1, "{record:?}");
}
