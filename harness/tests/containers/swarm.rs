//! Fleets on the two engines of a Swarm that `scripts/lab-swarm` makes in namespaces of its own. The engine of this machine is not touched.

mod inside;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::waiting::eventually;

/// The engines of the lab.
const ENGINES: usize = 2;

fn lab() -> Command {
    // At run time, so that the built test can look at another working copy.
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let mut command = Command::new(package.join("../scripts/lab-swarm"));
    command.env("HARNESS", env!("CARGO_BIN_EXE_harness")).stdin(Stdio::null());
    command
}

/// Returns whether there can be a lab. If not, prints that the test is skipped, or fails if HARNESS_REQUIRE_LAB=1 is set.
fn there_can_be_a_lab(test: &str) -> bool {
    let checked = lab().arg("--check").output().unwrap();
    if !checked.status.success() {
        let why = String::from_utf8_lossy(&checked.stderr).into_owned();
        let required = std::env::var("HARNESS_REQUIRE_LAB").is_ok_and(|value| value == "1");
        assert!(!required, "{test}: HARNESS_REQUIRE_LAB=1, and {why}");
        eprintln!("SKIPPED {test}: {why}");
    }
    checked.status.success()
}

/// Runs the tests of [`inside`] in one lab, and looks for what the lab leaves on this machine.
#[test]
fn fleets_are_placed_explained_and_removed_on_the_engines_of_a_swarm() {
    if !there_can_be_a_lab("swarm") {
        return;
    }
    let mut command = lab();
    command.arg("--engines").arg(ENGINES.to_string()).arg("--").arg(std::env::current_exe().unwrap());
    command.args(["swarm::inside::", "--ignored", "--test-threads=1", "--nocapture"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = format!("harness-lab-{}", child.id());
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("running 0 tests"), "{said}");
    assert_eq!(left_of_lab(&id), [""; 0]);
}

/// A lab that is killed leaves no engine, and the next one removes its files.
#[test]
fn a_lab_that_is_killed_ends_with_its_engines() {
    if !there_can_be_a_lab("killed lab") {
        return;
    }
    let mut command = lab();
    command.args(["--engines", "1", "--", "sh", "-c", "echo ready; exec sleep 600"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let id = format!("harness-lab-{}", child.id());
    let mut ready = [0; 5];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    assert!(!processes_with(&id).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("its engines end", || processes_with(&id).is_empty());
    // It begins by removing what is left of others.
    assert!(lab().args(["--engines", "1", "--", "true"]).status().unwrap().success());
    assert_eq!(left_of_lab(&id), [""; 0]);
}

/// Returns the processes whose command line names this lab.
fn processes_with(id: &str) -> Vec<i32> {
    let all = procfs::process::all_processes().unwrap().flatten();
    let named = |process: &procfs::process::Process| {
        process.cmdline().is_ok_and(|words| words.iter().any(|word| word.contains(&format!("{id}."))))
    };
    all.filter(named).map(|process| process.pid).collect()
}

/// Returns the folders, networks, control groups and processes of a lab.
fn left_of_lab(id: &str) -> Vec<String> {
    let mut found: Vec<String> = processes_with(id).iter().map(|pid| format!("process {pid}")).collect();
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = hierarchies.chain([std::env::temp_dir(), "/run/netns".into(), "/sys/fs/cgroup".into()]);
    for folder in folders.filter(|folder| folder.is_dir()) {
        found.extend(beginning_with(&folder, id));
    }
    found
}

fn beginning_with(folder: &Path, id: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_of_lab = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        [".", "-"].iter().any(|mark| name.starts_with(&format!("{id}{mark}")))
    };
    entries.filter(is_of_lab).map(|path| path.display().to_string()).collect()
}
