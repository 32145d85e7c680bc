//! Checks runs under conditions that a night may bring: full disks, floods of log lines, clocks that jump, thousands of connections, process numbers that are given
//! twice. Each against the real binary: nothing measured is lost, no number is wrong, and nothing is left running.

mod clock;
mod connections;
mod disk;
mod flood;
mod processes;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::waiting::{eventually, journal};
use crate::support::{Scratch, harness, processes_naming};

/// A scenario, a place for its results, and a folder for temporary files, which identifies the processes of its runs.
struct Site {
    scratch: Scratch,
    tmp: Scratch,
}

impl Site {
    fn new(scenario: &str) -> Self {
        let site = Self { scratch: Scratch::new(), tmp: Scratch::new() };
        std::fs::write(site.scenario(), scenario).unwrap();
        site
    }

    fn scenario(&self) -> PathBuf {
        self.scratch.0.join("scenario.toml")
    }

    fn out(&self) -> PathBuf {
        self.scratch.0.join("out")
    }

    /// Returns the command that runs the scenario.
    fn run(&self) -> Command {
        let mut command = harness();
        command.args(["run", "--verbose"]).arg(self.scenario()).arg("--out").arg(self.out()).env("TMPDIR", &self.tmp.0);
        command
    }

    /// Returns a shell, or what `before` makes of it, that finds the run's parts as $HARNESS, $SCENARIO and $OUT.
    fn shell(&self, before: &[&str], script: &str) -> Command {
        let words: Vec<&str> = before.iter().copied().chain(["sh", "-c", script]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("TMPDIR", &self.tmp.0).env_remove("SIDECAR_BIN");
        command.env("HARNESS", env!("CARGO_BIN_EXE_harness")).env("SCENARIO", self.scenario()).env("OUT", self.out());
        command
    }

    /// Lists the folder for temporary files.
    fn temporary(&self) -> Vec<PathBuf> {
        std::fs::read_dir(&self.tmp.0).unwrap().flatten().map(|entry| entry.path()).collect()
    }

    /// Nothing of the run is left: no process, and no temporary file but these.
    fn nothing_is_left_but(&self, files: &[PathBuf]) {
        let begun = Instant::now();
        while !processes_naming(&self.tmp.0).is_empty() && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let left = processes_naming(&self.tmp.0);
        assert!(left.is_empty(), "still running: {left:#?}");
        assert_eq!(self.temporary(), files);
    }

    /// Waits until the journal of the run below `out` has a line with these words.
    fn wait_for(&self, words: &str) {
        eventually(words, || journal(&self.out()).contains(words));
    }
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Returns whether a mount of our own is permitted here. If not, prints that the test is skipped.
fn may_mount(test: &str) -> bool {
    let probe = Command::new("unshare").args(["-rm", "sh", "-c", "mount -t tmpfs tmpfs /tmp"]).output();
    let may = probe.as_ref().is_ok_and(|output| output.status.success());
    if !may {
        let why = probe.map_or_else(|error| error.to_string(), |output| said(&output).1);
        eprintln!("SKIPPED {test}: no mount namespace of our own: {why}; try: unshare -rm mount -t tmpfs tmpfs /tmp");
    }
    may
}
