//! Tests that nothing is left behind, regardless of the process that is killed.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{RUNS, an_engine_for, left_of, on_bridge, on_host};
use crate::docker::{Image, docker, labelled, there_is_an_engine};
use crate::support::waiting::{eventually, journal};
use crate::support::{Scratch, harness, newest, run_command};

/// A run in the background.
struct Background {
    child: Child,
    scratch: Scratch,
}

impl Background {
    fn start(scenario: &str) -> Self {
        let scratch = Scratch::new();
        let child = run_command(&scratch, scenario).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, scratch }
    }

    fn results(&self) -> Option<PathBuf> {
        newest(&self.scratch.0.join("out"))
    }

    fn run_id(&self) -> String {
        self.results().unwrap().file_name().unwrap().to_string_lossy().into_owned()
    }

    /// Waits until the stage is in the journal and one of its containers is there.
    fn wait_for(&self, stage: &str) {
        let quoted = format!("\"{stage}\"");
        eventually(&quoted, || {
            let there = journal(&self.scratch.0.join("out")).contains(&quoted);
            there && left_of(&self.run_id()).iter().any(|left| left.starts_with("container"))
        });
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    fn keeper(&self) -> Pid {
        let pid = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        Pid::from_raw(children.split_whitespace().next().unwrap().parse().unwrap())
    }

    fn nothing_is_left_within_5_s(&self) {
        let begun = Instant::now();
        let mut left = left_of(&self.run_id());
        while !left.is_empty() && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(50));
            left = left_of(&self.run_id());
        }
        eprintln!("nothing is left after {:?}", begun.elapsed());
        assert!(left.is_empty(), "left after 5 s: {left:?}");
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

const STAGES: &str = "[stage.startup]\nlaunches = 6\n[stage.idle]\nlaunches = 6\nsettle = \"1s\"\nwindow = \"1s\"\n";

#[test]
fn kill_9_of_control_leaves_no_container_network_or_image() {
    let Some(_others) = an_engine_for("kill -9") else { return };
    for (stage, scenario) in [("startup", on_bridge(&[], STAGES)), ("idle", on_host(&["--ignore-sigterm"], STAGES))] {
        let mut run = Background::start(&scenario.replace("[target]", "[target]\nstop_within = \"300ms\""));
        run.wait_for(stage);
        let before = left_of(&run.run_id());
        assert!(before.iter().any(|left| left.starts_with("image")), "{before:?}");
        kill(run.pid(), Signal::SIGKILL).unwrap();
        run.child.wait().unwrap();
        run.nothing_is_left_within_5_s();
    }
}

#[test]
fn ctrl_c_leaves_no_container_network_or_image() {
    let Some(_others) = an_engine_for("ctrl-c") else { return };
    let mut run = Background::start(&on_bridge(&[], STAGES));
    run.wait_for("idle");
    kill(run.pid(), Signal::SIGINT).unwrap();
    assert_eq!(run.child.wait().unwrap().code(), Some(130));
    assert_eq!(left_of(&run.run_id()), [""; 0]);
}

/// A container of a run that lives: its keeper is this test.
struct Living {
    id: String,
    _image: Image,
}

impl Living {
    fn create() -> Self {
        let image = Image::of(std::path::Path::new("/bin/sh"), "living");
        let own = procfs::process::Process::myself().unwrap().stat().unwrap();
        let keeper = format!("harness.keeper={}-{}", own.pid, own.starttime);
        let space = std::fs::read_link("/proc/self/ns/pid").unwrap();
        let space = format!("harness.pid-namespace={}", space.display());
        let labels = ["--label", "harness.run=living", "--label", &keeper, "--label", &space];
        let id = docker(&[&["create"], &labels[..], &[image.0.as_str()]].concat()).unwrap();
        Self { id, _image: image }
    }

    /// A container with the labels of a run whose keeper has ended, as an image can bring them.
    fn forged() -> Self {
        let image = Image::of(std::path::Path::new("/bin/sh"), "forged");
        let space = std::fs::read_link("/proc/self/ns/pid").unwrap();
        let space = format!("harness.pid-namespace={}", space.display());
        let nonce = format!("harness.nonce={}", "0".repeat(32));
        let labels =
            ["--label", "harness.run=forged", "--label", "harness.keeper=1-1", "--label", &space, "--label", &nonce];
        let id = docker(&[&["create"], &labels[..], &[image.0.as_str()]].concat()).unwrap();
        Self { id, _image: image }
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.id]);
    }
}

#[test]
fn leftovers_of_a_killed_keeper_are_cleaned_and_live_runs_are_not() {
    if !there_is_an_engine("clean") {
        return;
    }
    let _alone = RUNS.write().unwrap_or_else(PoisonError::into_inner);
    let living = Living::create();
    let forged = Living::forged();
    // One container that lives for as long as it takes to look at it.
    let idle = "[stage.idle]\nlaunches = 6\nsettle = \"1s\"\nwindow = \"300s\"\n";
    let mut run = Background::start(&on_bridge(&[], idle));
    run.wait_for("idle");
    let keeper = run.keeper();
    kill(run.pid(), Signal::SIGSTOP).unwrap();
    kill(keeper, Signal::SIGKILL).unwrap();
    kill(run.pid(), Signal::SIGKILL).unwrap();
    run.child.wait().unwrap();
    let left = left_of(&run.run_id());
    assert!(
        ["container", "network", "image"].iter().all(|kind| left.iter().any(|left| left.starts_with(kind))),
        "{left:?}"
    );

    let clean = |args: &[&str]| {
        let output = harness().arg("clean").args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let id = run.run_id();
    let would = clean(&["--dry-run"]);
    assert!(would.contains(&format!("would remove container harness-{id}-")), "{would}");
    assert!(would.contains(&format!("would remove network harness-{id}")), "{would}");
    let scratch = std::env::temp_dir().join(format!("harness-{id}"));
    assert!(scratch.is_dir(), "{}", scratch.display());
    assert_eq!(left_of(&id).len(), left.len());
    let removed = clean(&[]);
    assert!(removed.contains("removed image") && !removed.contains(&living.id), "{removed}");
    assert_eq!(left_of(&id), [""; 0]);
    let begun = Instant::now();
    while scratch.is_dir() && begun.elapsed() < Duration::from_secs(120) {
        // A folder that is a few seconds old may still be on its way to its lock.
        std::thread::sleep(Duration::from_millis(200));
        clean(&[]);
    }
    assert!(!scratch.exists(), "{}", scratch.display());
    assert_eq!(labelled("harness.run=living").len(), 1);
    assert_eq!(labelled("harness.run=forged").len(), 1, "labels alone prove nothing");
    drop(forged);
    assert!(!clean(&[]).contains(&id));
}
