//! Checks that each failure has its own message and exit code, and leaves nothing running.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::alone;
use crate::support::waiting::{eventually, journal};
use crate::support::{Ran, Scratch, harness, newest, processes_naming, ran, run, run_command, sidecar};

const STARTUP: &str = "[stage.startup]\nlaunches = 6\n";

/// Checks that the error or headline has all of `words`, and that nothing of the run is left.
fn fails(ran: &Ran, code: i32, words: &[&str]) {
    ran.expect_code(code);
    for word in words {
        assert!(ran.shows(word), "{word:?} is not in:\n{}\n{}", ran.stdout, ran.stderr);
    }
    assert!(!ran.shows("panicked"), "{}", ran.stderr);
}

fn impatient(scenario: &str) -> String {
    scenario.replace("deadline = \"10s\"", "deadline = \"3s\"")
}

#[test]
fn a_target_that_is_never_ready_is_reported_with_its_last_answer() {
    let _alone = alone();
    let ran = run(&impatient(&sidecar(&["--never-ready"], STARTUP)));
    fails(&ran, 5, &["/ready", "503", "after 3."]);
}

#[test]
fn a_target_that_never_listens_is_distinguished() {
    let _alone = alone();
    let ran = run(&impatient(&sidecar(&["--listen-after", "60s"], STARTUP)));
    fails(&ran, 5, &["listen"]);
}

#[test]
fn a_target_that_exits_is_reported_with_its_code_and_its_last_words() {
    let _alone = alone();
    let ran = run(&sidecar(&["--exit-at-start", "3", "--stderr", "no license found"], STARTUP));
    fails(&ran, 5, &["code 3", "no license found"]);
}

#[test]
fn a_target_that_dies_under_load_keeps_what_was_measured() {
    let _alone = alone();
    let stages =
        "[stage.overhead]\nrounds = 6\nrate = \"500/s\"\nconnections = 4\nwarmup = \"100ms\"\nwindow = \"400ms\"\n";
    let ran = run(&sidecar(&["--exit-after", "900", "--exit-code", "9"], stages));
    fails(&ran, 5, &["code 9"]);
    let stage = ran.stage("overhead");
    assert!(stage.instances[0].rounds.len() >= 2, "rounds before its death are kept");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let _alone = alone();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = run(&sidecar(&[], STARTUP).replace("{port.proxy}", &port));
    fails(&ran, 5, &[&port, "taken"]);
}

#[test]
fn a_binary_that_is_missing_is_named() {
    let _alone = alone();
    let ran = run(&sidecar(&[], STARTUP).replace("builtin:sidecar", "no-such-sidecar"));
    fails(&ran, 2, &["no-such-sidecar"]);
    let unset = run(&sidecar(&[], STARTUP).replace("builtin:sidecar", "${NO_SUCH_SIDECAR_BIN}"));
    fails(&unset, 2, &["NO_SUCH_SIDECAR_BIN", "export"]);
}

#[test]
fn a_program_out_of_a_variable_is_meant_from_where_it_was_typed() {
    let _alone = alone();
    let scratch = Scratch::new();
    let (here, there) = (scratch.0.join("here"), scratch.0.join("there"));
    std::fs::create_dir_all(&here).unwrap();
    std::fs::create_dir_all(&there).unwrap();
    let proxy = here.join("my-proxy");
    std::fs::write(&proxy, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&proxy, std::fs::Permissions::from_mode(0o755)).unwrap();
    let scenario = there.join("scenario.toml");
    let text = sidecar(&[], "[stage.artifact]\n").replace("builtin:sidecar", "${SIDECAR_BIN:-./my-proxy}");
    std::fs::write(&scenario, text).unwrap();
    let run = |typed: Option<&str>| {
        let mut command = harness();
        command.current_dir(&here).envs(typed.map(|program| ("SIDECAR_BIN", program)));
        let output = command.args(["run", "--verbose"]).arg(&scenario).arg("--out").arg("out").output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    for typed in ["./my-proxy", "../here/my-proxy", proxy.to_str().unwrap()] {
        let (code, said) = run(Some(typed));
        assert_eq!(code, Some(0), "{typed}: {said}");
    }
    // The default is written in the scenario, and meant from its folder.
    for (typed, folder) in [(Some("./other-proxy"), &here), (None, &there)] {
        let (code, said) = run(typed);
        assert_eq!(code, Some(2), "{typed:?}: {said}");
        assert!(said.contains(folder.to_str().unwrap()), "{typed:?}: {said}");
    }
}

#[test]
fn a_scenario_with_five_mistakes_reports_all_five() {
    let _alone = alone();
    let scenario = sidecar(&[], "[stage.overhead]\nrate = \"fast\"\nrounds = 2\nwindw = \"1s\"\n[targets]\n\"latency/p51\" = { limit = \"< 1ms\" }\n")
        .replace("path = \"/mcp/v1\"", "path = 7");
    let ran = run(&scenario);
    fails(&ran, 2, &["5 mistakes", "rate", "rounds", "windw", "window", "latency/p51", "latency/p50", "path"]);
}

#[test]
fn an_answer_that_is_not_expected_stops_at_the_preflight() {
    let _alone = alone();
    let stages = "[stage.capacity]\nrounds = 6\nvus = 2\nwarmup = \"100ms\"\nwindow = \"200ms\"\n";
    let ran = run(&sidecar(&[], stages).replace("present = [\"/result\"]", "present = [\"/resultat\"]"));
    fails(&ran, 6, &["preflight", "/resultat"]);
}

#[test]
fn wrong_usage_is_exit_code_4_and_asking_for_help_is_not() {
    let _alone = alone();
    for help in [["--help"].as_slice(), &["run", "--help"], &["__upstream", "--help"], &["__sidecar", "--version"]] {
        assert_eq!(harness().args(help).output().unwrap().status.code(), Some(0), "{help:?}");
    }
    let output = harness().args(["run", "--no-such-flag"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let output = harness().args(["run", "no-such-scenario.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A run in the background, whose processes are identified by its scratch directory.
struct Background {
    child: Child,
    scratch: Scratch,
    tmp: Scratch,
}

/// Starts a run of one stage; the artifact stage, which is over at once, has another behind it. Every stage is so long that no
/// machine is through with it before it is stopped: a launch takes some 10 ms where nothing else runs.
fn start(stage: &str, flags: &[&str]) -> Background {
    let (scratch, tmp) = (Scratch::new(), Scratch::new());
    let load = "rounds = 60\nwarmup = \"100ms\"\nwindow = \"500ms\"\n";
    let stages = format!(
        "[stage.artifact]\n[stage.startup]\nlaunches = 5000\n[stage.idle]\nlaunches = 60\nsettle = \"200ms\"\nwindow = \"300ms\"\n\
         [stage.overhead]\nrate = \"500/s\"\nconnections = 4\n{load}[stage.capacity]\nvus = 2\n{load}\
         [stage.constrained]\nvus = 2\n{load}"
    );
    let behind: &[&str] = if stage == "artifact" { &["--stage", "startup"] } else { &[] };
    let scenario = sidecar(flags, &stages).replace("[target]", "[target]\nstop_within = \"300ms\"");
    let child = run_command(&scratch, &scenario)
        .env("TMPDIR", &tmp.0)
        .args(["--stage", stage])
        .args(behind)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Background { child, scratch, tmp }
}

impl Background {
    /// Returns the processes whose environment or command line names this run's temporary directory.
    fn processes(&self) -> Vec<(u32, String)> {
        processes_naming(&self.tmp.0)
    }

    /// Waits until the run has got so far that `stage` is in its journal.
    fn wait_for(&self, stage: &str) {
        let quoted = format!("\"{stage}\"");
        eventually(&quoted, || journal(&self.scratch.0.join("out")).contains(&quoted));
    }

    /// Waits until the run has so many processes at once.
    fn wait_for_processes(&self, least: usize) {
        eventually("as many processes", || self.processes().len() >= least);
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    fn nothing_is_left_within_5_s(&self) {
        let begun = Instant::now();
        let mut left = self.processes();
        while !left.is_empty() && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(50));
            left = self.processes();
        }
        eprintln!("nothing is left after {:?}", begun.elapsed());
        assert!(left.is_empty(), "still running after 5 s: {left:#?}");
        let files: Vec<_> = std::fs::read_dir(&self.tmp.0).unwrap().flatten().map(|entry| entry.path()).collect();
        assert!(files.is_empty(), "left in the temporary directory: {files:?}");
        let mut groups = harness_rig::cgroup::leftovers();
        while !groups.is_empty() && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(50));
            groups = harness_rig::cgroup::leftovers();
        }
        assert!(groups.is_empty(), "control groups left: {groups:?}");
    }
}

/// Returns every kind of stage with these flags for its target; limits need root.
fn stages<'a>(flags: [&'a [&'a str]; 6]) -> Vec<(&'static str, &'a [&'a str])> {
    let names = ["artifact", "startup", "idle", "overhead", "capacity", "constrained"];
    let may = |stage: &&str| *stage != "constrained" || nix::unistd::geteuid().is_root();
    names.into_iter().filter(may).zip(flags).collect()
}

#[test]
fn kill_9_at_any_stage_leaves_nothing_and_the_journal_reads() {
    let _alone = alone();
    for (stage, flags) in stages([
        &[],
        &["--double-fork=exit"],
        &["--worker-child"],
        &["--ignore-sigterm"],
        &["--double-fork=stay"],
        &["--worker-child"],
    ]) {
        let mut run = start(stage, flags);
        run.wait_for(stage);
        if stage != "artifact" {
            // Control and keeper; the target as well, and where there is load its upstream and generator.
            run.wait_for_processes(if ["startup", "idle"].contains(&stage) { 3 } else { 5 });
        }
        run.signal(nix::sys::signal::Signal::SIGKILL);
        run.child.wait().unwrap();
        run.nothing_is_left_within_5_s();
        let results = newest(&run.scratch.0.join("out")).unwrap();
        let output = harness().arg("report").arg(&results).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("partial"), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn ctrl_c_at_any_stage_writes_the_record_and_leaves_nothing() {
    let _alone = alone();
    for (stage, flags) in
        stages([&[], &[], &["--double-fork=stay"], &["--worker-child"], &["--ignore-sigterm"], &["--double-fork=exit"]])
    {
        let mut run = start(stage, flags);
        run.wait_for(stage);
        if stage != "artifact" {
            run.wait_for_processes(if ["startup", "idle"].contains(&stage) { 3 } else { 5 });
        }
        let asked = Instant::now();
        run.signal(nix::sys::signal::Signal::SIGINT);
        let status = run.child.wait().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(5), "{stage}: took {:?}", asked.elapsed());
        assert_eq!(status.code(), Some(130), "{stage}");
        run.nothing_is_left_within_5_s();
        let Background { scratch, child, .. } = run;
        let done = ran(scratch, child.wait_with_output().unwrap());
        let record = done.record();
        assert!(record.interrupted && !record.stages.is_empty(), "{stage}");
    }
}
