//! Checks a target within limits against the truth of the reference sidecar and of the kernel: in a control group and in a container.

use std::sync::OnceLock;

use crate::alone;
use crate::docker::{labelled, there_is_an_engine};
use crate::support::{Ran, measured, recovered, recovered_from, run, sidecar};
use harness::measure::{Ending, StageStatus};

/// A whole number of periods of the CPU limit, 100 ms, in each window, so that its phase does not matter.
const CONSTRAINED: &str = r#"
[stage.constrained]
limits = { cpus = 0.5, memory = "128MiB" }
rounds = 6
vus = 10
warmup = "200ms"
window = "1200ms"
paired = false
"#;

const RPS: &str = "throughput/rps_constrained";

/// Returns the reference sidecar in a container of the host's network.
fn contained(flags: &[&str], stages: &str) -> String {
    let process = "[target.process]\ncommand = [\"builtin:sidecar\", ";
    let scenario = sidecar(flags, stages);
    assert!(scenario.contains(process));
    scenario.replace(process, "[target.container]\nbinary = \"builtin:sidecar\"\ncommand = [")
}

/// Returns whether groups can be made here. If not, prints that the test is skipped, or fails if everything is required.
pub(crate) fn groups_can_be_made(test: &str) -> bool {
    let may = nix::unistd::geteuid().is_root();
    if !may {
        let required = std::env::var("HARNESS_REQUIRE_DOCKER").is_ok_and(|value| value == "1");
        assert!(!required, "{test}: HARNESS_REQUIRE_DOCKER=1 and not root, so no control groups");
        eprintln!("SKIPPED {test}: control groups need root");
    }
    may
}

/// Returns the reference sidecar with 64 MiB of ballast inside the limits, measured once as a process and once as a container.
fn heavy(in_container: bool) -> &'static Ran {
    static HEAVY: [OnceLock<Ran>; 2] = [const { OnceLock::new() }; 2];
    let scenario = if in_container { contained } else { sidecar };
    HEAVY[usize::from(in_container)].get_or_init(|| measured(&scenario(&["--ballast", "64MiB"], CONSTRAINED)))
}

/// Compares values that no other process can change.
fn close(found: f64, truth: f64, share: f64, what: &str) {
    let off = (found - truth).abs() / truth;
    assert!(off <= share, "{what}: found {found}, truth {truth}, off by {:.1} %", off * 100.0);
}

/// Returns everything with the label of the run, and our control groups whose keeper has exited.
fn nothing_is_left(ran: &Ran) {
    assert_eq!(labelled(&format!("harness.run={}", ran.record().run_id)), [""; 0]);
    assert_eq!(harness_rig::cgroup::leftovers(), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn endless_burning_is_half_a_core_and_throttled_in_nearly_every_period() {
    let _alone = alone();
    if !groups_can_be_made("burning") {
        return;
    }
    let burning = || measured(&sidecar(&["--burn-forever", "1"], &CONSTRAINED.replace("vus = 10", "vus = 1")));
    let ran = burning();
    recovered_from(0.04, "percent of a core", &ran, burning, |ran| (ran.value("cpu/constrained_percent"), 50.0));
    // It never stops burning, so every period is throttled but those in which something else had its CPU.
    recovered_from(0.10, "throttled percent", &ran, burning, |ran| (ran.value("cpu/throttled_percent"), 100.0));
    assert!(ran.shows("0.5 CPUs are 50.0 ms of CPU time in each period of 100 ms"), "{}", ran.stdout);
    nothing_is_left(&ran);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn ballast_inside_the_limits_is_found_and_both_roads_agree() {
    let _alone = alone();
    if !groups_can_be_made("ballast") || !there_is_an_engine("ballast") {
        return;
    }
    let truth = 64.0 * 1024.0 * 1024.0;
    let light = measured(&sidecar(&[], CONSTRAINED));
    let (process, container) = (heavy(false), heavy(true));
    let rss = "memory/constrained_rss";
    close(process.value(rss) - light.value(rss), truth, 0.03, rss);
    let peak = "memory/constrained_peak";
    close(process.value(peak) - light.value(peak), truth, 0.05, peak);
    close(container.value(rss), process.value(rss), 0.05, "RSS in a container against a control group");
    let mut known = Some((container.value(RPS), process.value(RPS)));
    recovered(0.10, "capacity in a container against a control group", || {
        // Pairs that follow each other closely, because the host drifts.
        let short = CONSTRAINED.replace("window = \"1200ms\"", "window = \"700ms\"");
        let again =
            |scenario: fn(&[&str], &str) -> String| measured(&scenario(&["--ballast", "64MiB"], &short)).value(RPS);
        known.take().unwrap_or_else(|| (again(contained), again(sidecar)))
    });
    [&light, process, container].into_iter().for_each(nothing_is_left);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn capacity_is_the_limit_divided_by_the_cpu_per_request() {
    let _alone = alone();
    if !groups_can_be_made("capacity") {
        return;
    }
    recovered(0.10, "capacity at half a CPU", || {
        let burning = measured(&sidecar(&["--burn", "2ms"], CONSTRAINED));
        let counter = &burning.truths.last().unwrap()["burned_cpu_ns"];
        let burned_us = counter["sum"].as_f64().unwrap() / counter["count"].as_f64().unwrap() / 1e3;
        let per_request_us = burned_us + heavy(false).value("cpu/constrained_us_per_request");
        (burning.value(RPS), 0.5e6 / per_request_us)
    });
}

fn killed_by_its_limit(scenario: &str) -> Ran {
    let ran = run(scenario);
    ran.expect_code(5);
    assert!(ran.shows("was OOM-killed by its memory limit of 128 MiB"), "{}", ran.stdout);
    let stage = ran.stage("constrained");
    assert!(matches!(stage.status, StageStatus::Failed(_)), "{:?}", stage.status);
    let instance = &stage.instances[0];
    assert_eq!(instance.launch.ending, Some(Ending::OutOfMemory(Some(128 << 20))));
    let last = instance.last.as_ref().expect("the readings of the window in which it died");
    let seen = last.0.iter().filter_map(|reading| reading.target).map(|target| target.rss_bytes).max().unwrap();
    assert!(seen > 64 << 20, "last seen with {seen} bytes");
    nothing_is_left(&ran);
    ran
}

#[test]
fn growing_past_the_limit_is_named_and_the_last_readings_are_kept() {
    let _alone = alone();
    if !groups_can_be_made("growing") || !there_is_an_engine("growing") {
        return;
    }
    // Some 3 s pass before it is full, and one window after so many milliseconds lasts until then on any machine.
    let flags = ["--ballast", "80MiB", "--leak-per-second", "12MiB"];
    let long = CONSTRAINED.replace("window = \"1200ms\"", "window = \"60s\"");
    killed_by_its_limit(&sidecar(&flags, &long));
    killed_by_its_limit(&contained(&flags, &long));
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_curve_finds_the_smallest_limits_and_dying_is_one_of_its_points() {
    let _alone = alone();
    if !groups_can_be_made("curve") {
        return;
    }
    // With 5 ms of CPU per request 0.25 CPUs carry 50 requests per second and half a CPU a hundred; 24 MiB do not hold the ballast.
    let stage = r#"
[stage.limits]
cpus = [0.25, 0.5]
memory = ["24MiB", "96MiB"]
objective = { rps = "70/s" }
rounds = 6
vus = 4
warmup = "200ms"
window = "700ms"
"#;
    let mut ran = measured(&sidecar(&["--burn", "5ms", "--ballast", "48MiB"], stage));
    let expected = ["not_met", "not_met", "not_met", "met"];
    // Half a CPU carries less while others hold all of them.
    for _ in 0..2 {
        if states(&ran) == expected {
            break;
        }
        eprintln!("{:?}, measuring again", states(&ran));
        ran = measured(&sidecar(&["--burn", "5ms", "--ballast", "48MiB"], stage));
    }
    ran.expect_code(0);
    assert_eq!(states(&ran), expected, "{}", ran.stdout);
    let curve = &ran.judgement()["stages"][0]["detail"];
    assert_eq!(curve["smallest"], serde_json::json!({ "cpus": 0.5, "memory": 96 << 20 }));
    assert!(ran.shows("was OOM-killed by its memory limit of 24.0 MiB"), "{}", ran.stdout);
    assert!(ran.shows("limits: { cpu: 500m, memory: 96Mi }"), "{}", ran.stdout);
    nothing_is_left(&ran);
}

/// Returns how the points of the only curve are judged.
fn states(ran: &Ran) -> Vec<String> {
    let points = ran.judgement()["stages"][0]["detail"]["points"].as_array().cloned().unwrap_or_default();
    points.iter().map(|point| point["state"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn no_other_process_is_limited() {
    let _alone = alone();
    let external = sidecar(&[], CONSTRAINED);
    let (front, rest) = external.split_once("[target.process]").unwrap();
    let (_, back) = rest.split_once("\n\n").unwrap();
    let scenario = format!("{front}[target.external]\npid = {}\n\n{back}", std::process::id());
    let ran = run(&scenario.replace("{port.proxy}", "1").replace("{port.admin}", "2"));
    ran.expect_code(2);
    assert!(ran.shows("harness cannot limit an external target"), "{}", ran.stderr);
}
