//! `harness doctor` on this host, held against what other programs say about it.

use crate::beside;
use crate::docker;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crate::support::{Scratch, harness};
use harness::measure::ResourceLimits;
use harness::report::schema;
use harness_base::units::Bytes;
use harness_rig::cgroup::{self, Own};
use harness_rig::host::Lock;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use serde_json::Value;

/// For what must happen at some time, behind whatever other run.
const PATIENCE: Duration = Duration::from_secs(600);

fn stdout(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Runs the command and returns its JSON.
fn examined(command: &mut Command) -> Value {
    serde_json::from_str(&stdout(&command.output().unwrap())).unwrap()
}

fn doctor() -> Command {
    let mut command = harness();
    command.args(["doctor", "--seconds", "1", "--format", "json"]);
    command
}

fn condition<'a>(found: &'a Value, name: &str) -> &'a Value {
    let conditions = found["conditions"].as_array().unwrap();
    conditions.iter().find(|condition| condition["name"] == name).unwrap_or_else(|| panic!("{name} is not in {found}"))
}

fn ability<'a>(found: &'a Value, name: &str) -> &'a Value {
    let abilities = found["abilities"].as_array().unwrap();
    abilities.iter().find(|ability| ability["name"] == name).unwrap_or_else(|| panic!("{name} is not in {found}"))
}

fn message(program: &str, args: &[&str]) -> String {
    String::from_utf8(Command::new(program).args(args).output().unwrap().stdout).unwrap().trim().to_owned()
}

#[test]
fn the_report_is_valid_complete_and_documented() {
    let _beside = beside();
    let found = examined(&mut doctor());
    let faults = harness::report::validate::against(schema::DOCTOR, &found);
    assert!(faults.is_empty(), "{faults:?}");
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/doctor.md")).unwrap();
    let documented: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name)).collect();
    let conditions = found["conditions"].as_array().unwrap();
    let names: Vec<&str> = conditions.iter().map(|condition| condition["name"].as_str().unwrap()).collect();
    assert_eq!(names, documented);
    for condition in conditions {
        assert_eq!(condition["improve"].is_null(), condition["state"] == "good", "{condition}");
    }
    for ability in found["abilities"].as_array().unwrap() {
        assert_eq!(ability["because"].is_null(), ability["answer"] == "yes", "{ability}");
    }
    let tuning = found["tuning"].as_array().unwrap();
    let names: Vec<&str> = tuning.iter().map(|setting| setting["name"].as_str().unwrap()).collect();
    assert!(names.iter().all(|name| page.contains(&format!("\n| {name} |"))), "{names:?}");
    let smt = std::fs::read_to_string("/sys/devices/system/cpu/smt/active").unwrap_or_default();
    let is_on = smt.trim() == "1";
    assert_eq!((tuning[2]["state"] == "on", tuning[2]["command"].is_string()), (is_on, is_on), "{tuning:?}");
}

#[test]
fn validate_knows_it_and_names_what_is_wrong() {
    let _beside = beside();
    let scratch = Scratch::new();
    let (good, bad) = (scratch.0.join("good.json"), scratch.0.join("bad.json"));
    let mut found = examined(&mut doctor());
    std::fs::write(&good, found.to_string()).unwrap();
    let shown = stdout(&harness().arg("validate").arg(&good).output().unwrap());
    assert!(shown.contains("good.json: ok, a report of harness doctor"), "{shown}");
    found["conditions"][0]["state"] = Value::from("excellent");
    std::fs::write(&bad, found.to_string()).unwrap();
    let output = harness().arg("validate").arg(&bad).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(2), "{shown}");
    assert!(shown.contains("/conditions/0/state: ") && shown.contains("excellent"), "{shown}");
}

#[test]
fn it_says_what_other_programs_say() {
    let _beside = beside();
    let found = examined(&mut doctor());
    let number = |name: &str, number: &str| condition(&found, name)["numbers"][number].as_f64();
    assert_eq!(number("cpus", "usable_cpus"), message("nproc", &[]).parse().ok());
    let limit = |which: &str| message("sh", &["-c", &format!("ulimit {which}")]).parse::<f64>().ok();
    assert_eq!(number("descriptors", "soft_descriptors"), limit("-Sn"));
    assert_eq!(number("descriptors", "hard_descriptors"), limit("-Hn"));
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    if let Ok(source) = std::fs::read_to_string(source) {
        assert_eq!(condition(&found, "clock_source")["value"], source.trim());
    }
    let step = number("clock_step", "smallest_step_ns").unwrap();
    assert!(step >= 1.0 && number("clock_step", "read_ns").unwrap() > 0.0, "{}", condition(&found, "clock_step"));
    let lag = condition(&found, "timer_lag");
    if lag["state"] == "unknown" {
        // Another run is active, which both places report.
        assert_eq!(condition(&found, "other_run")["state"], "poor", "{lag}");
    } else {
        let of = |name: &str| lag["numbers"][name].as_f64().unwrap();
        assert_eq!(of("wakeups"), 1_000.0, "{lag}");
        assert!(0.0 < of("median_ns") && of("median_ns") <= of("p99_ns") && of("p99_ns") <= of("longest_ns"), "{lag}");
    }
    for (name, share) in [("steal", "steal_ratio"), ("foreign_cpu", "foreign_cpu_ratio")] {
        assert!((0.0..=1.0).contains(&number(name, share).unwrap()), "{name}");
    }
}

#[test]
fn limits_of_its_own_process_are_seen() {
    let _beside = beside();
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let cpu = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu).unwrap()).unwrap();
    let script = format!("ulimit -n 500; exec taskset -c {cpu} \"$0\" doctor --seconds 1 --format json");
    let found = examined(Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_harness")]));
    let (cpus, descriptors) = (condition(&found, "cpus"), condition(&found, "descriptors"));
    assert_eq!((cpus["numbers"]["usable_cpus"].as_f64(), &cpus["state"]), (Some(1.0), &Value::from("poor")));
    assert_eq!(descriptors["value"], "500 (soft), 500 (hard)");
    assert_eq!(descriptors["state"], "poor");
    assert_eq!(ability(&found, "capacity")["answer"], "no");
    let spoilers = found["spoilers"].to_string();
    assert!(spoilers.contains("descriptors: 500 (soft)"), "{spoilers}");
}

#[test]
fn a_run_under_way_is_reported_and_not_disturbed() {
    let _beside = beside();
    let lock = Lock::acquire_within(PATIENCE).unwrap();
    let found = examined(&mut doctor());
    drop(lock);
    let other = condition(&found, "other_run");
    let own = std::process::id();
    assert_eq!(other["value"], format!("another run (pid {own}) measures"));
    assert_eq!(other["improve"], format!("wait until it ends, or stop it: kill {own}"));
    let lag = condition(&found, "timer_lag");
    assert_eq!(lag["state"], "unknown");
    assert!(lag["value"].as_str().unwrap().starts_with("not measured: another run"), "{lag}");
    assert!(
        condition(&found, "steal")["numbers"]["steal_ratio"].is_f64(),
        "steal is measured even if another run is active"
    );
}

#[test]
fn an_engine_is_found_as_a_run_finds_it() {
    let _beside = beside();
    let nowhere = examined(doctor().env("DOCKER_HOST", "unix:///nonexistent/docker.sock"));
    let engine = condition(&nowhere, "engine");
    assert_eq!(engine["value"], "no container engine: there is no socket /nonexistent/docker.sock");
    assert!(engine["improve"].as_str().unwrap().starts_with("start one with: sudo systemctl start docker"), "{engine}");
    assert_eq!(engine["state"], "poor");
    assert_eq!(ability(&nowhere, "containers")["answer"], "no");
    let remote = examined(doctor().env("DOCKER_HOST", "tcp://10.0.0.1:2375"));
    assert!(condition(&remote, "engine")["value"].as_str().unwrap().contains("is not a local socket"), "{remote}");
    if docker::there_is_an_engine("an_engine_is_found_as_a_run_finds_it") {
        let version = docker::docker(&["version", "--format", "{{.Server.Version}}"]).unwrap();
        let engine = examined(&mut doctor());
        let engine = condition(&engine, "engine");
        assert_eq!(engine["state"], "good");
        assert!(engine["value"].as_str().unwrap().contains(&format!("version {version}, ")), "{engine}");
    }
}

#[test]
fn groups_can_be_made_where_they_can() {
    let _beside = beside();
    let limits = ResourceLimits { cpus: Some(0.5), memory: Some(Bytes::from_mebi(64)), pids: Some(64) };
    let can = Own::create(&cgroup::name(7_000), &limits).map(drop);
    let found = examined(&mut doctor());
    let groups = condition(&found, "control_groups");
    assert_eq!(groups["state"] == "good", can.is_ok(), "{groups}, here: {can:?}");
    assert_eq!(ability(&found, "limits of processes")["answer"] == "yes", can.is_ok());
}

#[test]
fn a_folder_that_cannot_be_is_no_place_for_results() {
    let _beside = beside();
    let scratch = Scratch::new();
    let file = scratch.0.join("file");
    std::fs::write(&file, "in the way").unwrap();
    let shut = examined(doctor().arg("--out").arg(file.join("results")));
    assert_eq!(condition(&shut, "disk")["state"], "poor");
    assert!(shut["abilities"].as_array().unwrap()[..3].iter().all(|ability| ability["answer"] == "no"), "{shut}");
    let open = examined(doctor().arg("--out").arg(scratch.0.join("not/yet")));
    let value = condition(&open, "disk")["value"].as_str().unwrap();
    assert!(value.ends_with(&format!("free at {}", scratch.0.display())), "{value}");
    assert!(!scratch.0.join("not").exists(), "it only looks");
}

#[test]
fn people_get_a_table_of_80_columns_and_advice() {
    let _beside = beside();
    let text = stdout(&harness().args(["doctor", "--seconds", "1"]).output().unwrap());
    // A word may be wider than what is left of a line, for example a path.
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80 && line.trim().contains(' ')).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    for title in ["\nconditions\n", "\nwhat can be measured here\n", "\nwhat would disturb it\n"] {
        assert!(text.contains(title), "{text}");
    }
    assert!(text.lines().any(|line| line.starts_with("  startup and idle ")), "{text}");
    assert_eq!(
        text.contains('→'),
        ["fair", "poor", "unknown"].iter().any(|state| text.contains(&format!("  {state} ")))
    );
    let help = stdout(&harness().args(["doctor", "--help"]).output().unwrap());
    assert!(help.contains("Examples:\n  harness doctor\n"), "{help}");
    for wrong in [["--seconds", "0"], ["--seconds", "1000"], ["--format", "poem"]] {
        assert_eq!(harness().arg("doctor").args(wrong).output().unwrap().status.code(), Some(4), "{wrong:?}");
    }
}
