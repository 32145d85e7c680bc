//! Attacks on a run: by its target, and on its own processes. `docs/security.md` lists them.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::alone;
use crate::limits::groups_can_be_made;
use crate::support::waiting::eventually;
use crate::support::{Scratch, harness, newest, processes_naming, run_command, sidecar};
use harness::measure::ResourceLimits;
use harness_rig::cgroup::{Own, name};

const IDLE: &str = "[stage.idle]\nlaunches = 3\nsettle = \"200ms\"\nwindow = \"600ms\"\n";
const LOAD: &str =
    "[stage.overhead]\nrounds = 6\nrate = \"200/s\"\nconnections = 2\nwarmup = \"50ms\"\nwindow = \"500ms\"\n";

/// A run in the background, whose processes are recognised by its folder for temporary files.
struct Run {
    child: Child,
    scratch: Scratch,
    tmp: Scratch,
}

impl Run {
    fn start(scenario: &str, env: &[(&str, &str)]) -> Self {
        let (scratch, tmp) = (Scratch::new(), Scratch::new());
        let mut command = run_command(&scratch, scenario);
        command.env("TMPDIR", &tmp.0).envs(env.iter().copied());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, scratch, tmp }
    }

    fn processes(&self) -> Vec<(u32, String)> {
        processes_naming(&self.tmp.0)
    }

    /// Waits for a process of the run whose command line contains `words`, and returns its pid.
    fn process(&self, words: &str) -> u32 {
        let found = || self.processes().into_iter().find(|(_, line)| line.contains(words)).map(|(pid, _)| pid);
        eventually(words, || found().is_some());
        found().unwrap()
    }

    fn ended(self) -> (Output, Scratch, Scratch) {
        (self.child.wait_with_output().unwrap(), self.scratch, self.tmp)
    }
}

/// Checks that a run measured to its end, whether or not the host disturbed it.
fn went_through(output: &Output) {
    assert!(matches!(output.status.code(), Some(0 | 6)), "{:?}: {}", output.status, said(output));
}

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_killed_keeper_leaves_nothing_and_the_run_says_so() {
    let _alone = alone();
    // The worker is a child of the target, so the kernel does not kill it with the keeper. The instants differ: within a launch, a
    // window, and the load.
    for (stage, waits_for, delay_ms) in [(IDLE, "__sidecar", 0), (IDLE, "__sidecar", 500), (LOAD, "__load", 700)] {
        let run = Run::start(&sidecar(&["--worker-child"], stage), &[]);
        let keeper = run.process("__keeper");
        run.process(waits_for);
        std::thread::sleep(Duration::from_millis(delay_ms));
        kill(Pid::from_raw(keeper.cast_signed()), Signal::SIGKILL).unwrap();
        let (output, scratch, tmp) = run.ended();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains("the keeper process"), "{said}");
        assert_eq!(processes_naming(&tmp.0), [], "{said}");
        assert_eq!(std::fs::read_dir(&tmp.0).unwrap().count(), 0, "the temporary files are gone: {said}");
        assert!(newest(&scratch.0.join("out")).unwrap().join("result.json").exists(), "{said}");
    }
}

#[test]
fn a_killed_upstream_is_named_and_the_target_not_blamed() {
    let _alone = alone();
    // Within a window without load, and within the load, which lasts for more than six seconds.
    for (stage, waits_for, delay_ms) in [(IDLE, "__sidecar", 100), (LOAD, "__load", 1500)] {
        let run = Run::start(&sidecar(&[], stage), &[]);
        let upstream = run.process("__upstream");
        run.process(waits_for);
        std::thread::sleep(Duration::from_millis(delay_ms));
        kill(Pid::from_raw(upstream.cast_signed()), Signal::SIGKILL).unwrap();
        let (output, _scratch, tmp) = run.ended();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains("the upstream was ended by SIGKILL while it was needed"), "{said}");
        assert!(!said.contains("TARGET FAILED"), "{said}");
        assert_eq!(processes_naming(&tmp.0), [], "{said}");
    }
}

#[test]
fn when_control_and_keeper_are_killed_clean_finds_the_worker() {
    let _alone = alone();
    let run = Run::start(&sidecar(&["--worker-child"], IDLE), &[]);
    let keeper = run.process("__keeper");
    run.process("__sidecar");
    eventually("four processes", || run.processes().len() >= 4);
    for pid in [run.child.id(), keeper] {
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
    }
    let (_, _scratch, tmp) = run.ended();
    let output = harness().arg("clean").env("TMPDIR", &tmp.0).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    eventually("the end of every process", || processes_naming(&tmp.0).is_empty());
}

#[test]
fn no_process_that_runs_beside_a_target_holds_a_secret() {
    let _alone = alone();
    let secrets = [("GITHUB_TOKEN", "s3cr3t-one"), ("BENCHER_API_KEY", "s3cr3t-two"), ("DATABASE_URL", "s3cr3t-three")];
    let run = Run::start(&sidecar(&[], LOAD), &secrets);
    run.process("__load");
    let mut checked = 0;
    let own = [run.child.id()].into_iter().chain(run.processes().into_iter().map(|(pid, _)| pid));
    for pid in own.collect::<Vec<_>>() {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let text = String::from_utf8_lossy(&environment);
        assert!(!text.contains("s3cr3t"), "process {pid}: {text}");
        checked += usize::from(!environment.is_empty());
    }
    assert!(checked >= 4, "{checked} processes");
    let (output, scratch, _tmp) = run.ended();
    went_through(&output);
    let folder = newest(&scratch.0.join("out")).unwrap();
    for file in std::fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let content = std::fs::read(file.path()).unwrap();
        assert!(!String::from_utf8_lossy(&content).contains("s3cr3t"), "{:?}", file.path());
    }
}

/// Writes a script as the target of a scenario, which ends in the arguments of the reference sidecar.
fn with_script(scratch: &Scratch, script: &str, stages: &str) -> String {
    let path: PathBuf = scratch.0.join("target");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    sidecar(&[], stages).replace("builtin:sidecar", path.to_str().unwrap())
}

#[test]
fn output_of_a_target_acts_neither_on_a_terminal_nor_on_a_runner() {
    let _alone = alone();
    let scripts = Scratch::new();
    let attack = r#"printf '\033]0;title\007\n::add-mask::x\n##[stop-commands]y\n\357\277\276![](http://127.0.0.1/x)\n\342\200\256evil' >&2; exit 3"#;
    let scenario = with_script(&scripts, attack, IDLE);
    let run = Run::start(&scenario, &[("GITHUB_ACTIONS", "true")]);
    let (output, scratch, _tmp) = run.ended();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("evil"), "the words of the target are shown: {said}");
    let acts = |c: char| (c.is_control() && c != '\n' && c != '\t') || ['\u{fffe}', '\u{202e}'].contains(&c);
    assert!(!said.contains(acts), "{said:?}");
    assert!(!said.contains("##[") && !said.lines().any(|line| line.trim_start().starts_with("::add")), "{said}");
    let folder = newest(&scratch.0.join("out")).unwrap();
    let artifacts = harness()
        .arg("report")
        .arg(&folder)
        .args(["--out".as_ref(), scratch.0.join("all").as_os_str(), "--artifacts".as_ref(), "all".as_ref()])
        .output()
        .unwrap();
    assert!(!said.is_empty() && scratch.0.join("all/junit.xml").exists(), "{artifacts:?}");
    for name in ["junit.xml", "summary.md", "report.html"] {
        let text = std::fs::read_to_string(scratch.0.join("all").join(name)).unwrap();
        assert!(!text.contains(acts), "{name}: {:?}", text.chars().find(|c| acts(*c)));
        assert!(name != "summary.md" || !text.contains("![]("), "{name}");
    }
    let valid = harness().arg("validate").arg(scratch.0.join("all/junit.xml")).output().unwrap();
    assert!(valid.status.code() != Some(101), "{valid:?}");
}

#[test]
fn a_deep_folder_of_the_target_is_removed() {
    let _alone = alone();
    let scripts = Scratch::new();
    let deep = format!(
        "n=0; while [ $n -lt 1500 ]; do mkdir d 2>/dev/null && cd -P d || break; n=$((n + 1)); done; exec {} __sidecar \"$@\"",
        env!("CARGO_BIN_EXE_harness")
    );
    let scenario =
        with_script(&scripts, &format!("cd \"$TMPDIR\"; {deep}"), &IDLE.replace("launches = 3", "launches = 1"));
    let run = Run::start(&scenario.replace("deadline = \"10s\"", "deadline = \"60s\""), &[]);
    let (output, _scratch, tmp) = run.ended();
    went_through(&output);
    assert_eq!(std::fs::read_dir(&tmp.0).unwrap().count(), 0, "{}", said(&output));
}

#[test]
fn a_client_of_the_upstream_can_give_it_no_command() {
    let _alone = alone();
    let run = Run::start(&sidecar(&[], LOAD), &[]);
    run.process("__load");
    let (_, line) = run.processes().into_iter().find(|(_, line)| line.contains("__upstream")).unwrap();
    let words: Vec<&str> = line.split('\0').collect();
    let address = words[words.iter().position(|word| *word == "--listen").unwrap() + 1];
    let mut upstream = std::net::TcpStream::connect(address).unwrap();
    upstream.write_all(b"GET /__upstream/fault/slow/20ms HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    upstream.read_to_string(&mut answer).unwrap();
    assert!(!answer.contains("hits"), "{answer}");
    let (output, scratch, _tmp) = run.ended();
    went_through(&output);
    let flat =
        std::fs::read_to_string(newest(&scratch.0.join("out")).unwrap().join("bench_metrics.flat.json")).unwrap();
    let metrics: serde_json::Value = serde_json::from_str(&flat).unwrap();
    // Absent if the host disturbed the run.
    let p50 = metrics.as_array().unwrap().iter().find(|metric| metric["name"] == "latency/p50");
    assert!(p50.is_none_or(|p50| p50["value"].as_f64().unwrap() < 15.0), "{p50:?}");
}

#[test]
fn a_limit_on_processes_is_reported_before_anything_is_started() {
    let _alone = alone();
    if !groups_can_be_made("a_limit_on_processes_is_reported_before_anything_is_started") {
        return;
    }
    for most in [2, 4, 8, 20] {
        let limits = ResourceLimits { pids: Some(most), ..ResourceLimits::default() };
        let group = Own::create(&name(5_000 + most), &limits).unwrap();
        let directory = group.places().pids.clone().unwrap().path;
        let scratch = Scratch::new();
        let file = scratch.0.join("scenario.toml");
        std::fs::write(&file, sidecar(&[], IDLE)).unwrap();
        let script = format!("echo $$ > {}/cgroup.procs && exec \"$0\" \"$@\"", directory.display());
        let mut command = std::process::Command::new("sh");
        command.arg("-c").arg(script).arg(harness().get_program()).arg("run").arg(&file);
        let output = command.arg("--out").arg(scratch.0.join("out")).output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(4), "{most}: {said}");
        assert!(said.contains("more processes and threads") && said.contains("pids.max"), "{most}: {said}");
        drop(group);
    }
}
