//! The soak: what its windows amount to, and what it finds on the reference sidecar, whose leaks are set by flags.

use std::cell::RefCell;

use crate::alone;
use crate::support;
use crate::support::{Ran, Scratch, harness, measured, newest, ran, run_command, settled, sidecar, undisturbed};
use harness::measure::{Ending, InstanceFacts, InstanceRecord, StageStatus};
use harness::stages::soak::facts::{FILE, Instance, Quantity};
use harness::stages::soak::judge::{Judged as Soak, TrendState};
use harness::verdict::stage::Detail;

const MIB: f64 = 1024.0 * 1024.0;

/// So many seconds of windows of one second, at a rate that a shared two-core machine carries with ease.
fn soak(seconds: u64) -> String {
    format!(
        "[stage.soak]\nduration = \"{seconds}s\"\nwarmup = \"2s\"\nwindow = \"1s\"\nrate = \"200/s\"\nconnections = 4\n"
    )
}

fn shown(ran: &Ran) -> Soak {
    match serde_json::from_value(ran.judgement()["stages"][0]["detail"].clone()).unwrap() {
        Detail::Soak(soak) => soak,
        other => panic!("{other:?}"),
    }
}

/// Returns the facts of an instance of a soak.
fn seen(instance: &InstanceRecord) -> &Instance {
    match &instance.facts {
        InstanceFacts::Soak(facts) => facts,
        other => panic!("{other:?}"),
    }
}

fn state(soak: &Soak, quantity: Quantity) -> TrendState {
    soak.of(quantity).unwrap().state
}

#[test]
fn a_leak_of_30_mib_and_120_descriptors_a_minute_is_found_within_half_a_minute() {
    let _alone = alone();
    let leaking = sidecar(&["--leak-per-second", "512KiB", "--leak-fds-per-second", "2"], &soak(30));
    let series = RefCell::new(String::new());
    let ran = undisturbed(|| {
        let scratch = Scratch::new();
        let output = run_command(&scratch, &leaking).output().unwrap();
        let folder = newest(&scratch.0.join("out")).unwrap();
        *series.borrow_mut() = std::fs::read_to_string(folder.join(FILE)).unwrap();
        let valid = harness().arg("validate").arg(folder.join("result.json")).output().unwrap();
        assert!(valid.status.success(), "{}", String::from_utf8_lossy(&valid.stderr));
        ran(scratch, output)
    });
    let series = series.into_inner();
    ran.expect_code(3);
    let found = shown(&ran);
    let states = Quantity::LEAKING.map(|quantity| state(&found, quantity));
    assert_eq!(states[..2], [TrendState::Alarm; 2], "{found:#?}");
    assert_ne!(states[2], TrendState::Alarm, "{found:#?}");
    let close = |id: &str, truth: f64| {
        let value = ran.value(id);
        assert!((value / truth - 1.0).abs() <= 0.10, "{id}: {value}, truth {truth}");
    };
    close("soak/memory_per_day", 0.5 * MIB * 86_400.0);
    close("soak/descriptors_per_day", 2.0 * 86_400.0);
    assert!(ran.shows("REGRESSED: soak/") && ran.shows("beyond the budget of 50.0 MiB/day"), "{}", ran.stdout);
    assert_eq!(series.lines().count(), 30);
    let stage = ran.stage("soak");
    let windows = &seen(&stage.instances[0]).windows;
    for (line, window) in series.lines().zip(windows) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["stage"], &line["window"]), (&"soak".into(), &serde_json::to_value(window).unwrap()));
    }
    assert!(
        windows.iter().all(|window| window.whole && window.cpu_ns.is_some() && window.generator_rss_bytes.is_some())
    );
    let ok: u64 = windows.iter().map(|window| window.ok).sum();
    assert_eq!(ok, ran.stage("soak").instances[0].rounds[0].trials[0].load.completed_in_window);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn memory_that_is_given_back_again_and_again_is_no_leak() {
    let _alone = alone();
    let ran = measured(&sidecar(&["--sawtooth", "96MiB", "--sawtooth-period", "3s"], &soak(18)));
    ran.expect_code(0);
    let found = shown(&ran);
    assert!(Quantity::LEAKING.iter().all(|quantity| state(&found, *quantity) != TrendState::Alarm), "{found:#?}");
    // It did saw, in most of the six periods at least.
    assert!(ran.truths[0]["sawteeth"].as_u64().unwrap() >= 3, "{:?}", ran.truths);
    let stage = ran.stage("soak");
    let windows = &seen(&stage.instances[0]).windows;
    let peak = windows.iter().filter_map(|window| window.rss).map(|rss| rss.peak).max().unwrap();
    let trough = windows.iter().filter_map(|window| window.rss).map(|rss| rss.trough).min().unwrap();
    assert!(peak - trough > 48 << 20, "{trough} to {peak}");
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_target_that_dies_keeps_its_windows_and_reports_when() {
    let _alone = alone();
    // The first request is the preflight, so the 1802nd is due 9 s after the load began; the sidecar ends 5 ms after its answer.
    let scenario = sidecar(&["--exit-after", "1802", "--exit-code", "7"], &soak(60));
    settled("seconds until the target died", 8.9..=10.0, || {
        let ran = support::run(&scenario);
        ran.expect_code(5);
        assert!(ran.shows("the target exited with code 7") && ran.shows("s of load"), "{}", ran.stdout);
        let stage = ran.stage("soak");
        assert!(matches!(stage.status, StageStatus::Failed(_)), "{:?}", stage.status);
        let instance = &stage.instances[0];
        assert_eq!(instance.launch.ending, Some(Ending::Code(7)));
        let seen = seen(instance);
        let whole = seen.windows.iter().filter(|window| window.whole).count();
        assert!(whole >= 6 && whole + 1 >= seen.windows.len(), "{:#?}", seen.windows);
        assert!(shown(&ran).died_ns == seen.died_ns);
        seen.died_ns.unwrap() as f64 / 1e9
    });
}
