//! A wall clock that jumps by hours while a run measures. It is that of the harness only, by libfaketime; the machine's is left alone.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use harness::measure::Record;
use harness_base::clock::{rfc3339, unix_of, unix_seconds};

use super::{Site, eventually, journal};
use crate::alone;
use crate::support::{ran, sidecar};

const STAGES: &str = "[stage.startup]\nlaunches = 6\n\
    [stage.overhead]\nrounds = 6\nrate = \"500/s\"\nconnections = 4\nwarmup = \"100ms\"\nwindow = \"400ms\"\n";

/// Jumps of the wall clock, one after every second trial.
const JUMPS: [&str; 5] = ["-7h", "+26h", "-90d", "+3h", "-1s"];

const HOUR: u64 = 3_600;

/// Returns the library, where Debian or Fedora install it. If not, prints that the test is skipped.
fn libfaketime(test: &str) -> Option<PathBuf> {
    let architectures = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = architectures.chain(["/usr/lib".into(), "/usr/lib64".into(), "/usr/local/lib".into()]);
    let found = folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|path| path.exists());
    if found.is_none() {
        eprintln!("SKIPPED {test}: libfaketime is not installed; try: scripts/install-tools");
    }
    found
}

/// Returns the measured spans of a record in nanoseconds, each with its name.
fn spans(record: &Record) -> Vec<(&'static str, u64)> {
    let instances = || record.stages.iter().flat_map(|stage| &stage.instances);
    let launches = instances().map(|instance| &instance.launch);
    let launches = launches.flat_map(|launch| [("ready", launch.ready_ns.unwrap()), ("stop", launch.stop_ns.unwrap())]);
    let trials = instances().flat_map(|instance| &instance.rounds).flat_map(|round| &round.trials);
    let trials = trials.flat_map(|trial| {
        let read = trial.readings.span_ns().unwrap();
        [("window", trial.load.window_ns), ("readings", read)]
    });
    launches.chain(trials).collect()
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn jumps_of_the_wall_clock_change_no_number_and_no_verdict() {
    let _alone = alone();
    let Some(library) = libfaketime("jumps_of_the_wall_clock_change_no_number_and_no_verdict") else { return };
    let site = Site::new(&sidecar(&[], STAGES));
    let jump = site.scratch.0.join("jump");
    std::fs::write(&jump, "+5h").unwrap();
    let (wall, begun) = (unix_seconds(), Instant::now());
    let child = site
        .run()
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", &jump)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .env("NO_FAKE_STAT", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for (index, offset) in JUMPS.iter().enumerate() {
        eventually("the next trial", || journal(&site.out()).matches("{\"trial\":").count() > 2 * index);
        // Written to a new file and renamed, so that no reader sees a partial file.
        let next = jump.with_extension("next");
        std::fs::write(&next, offset).unwrap();
        std::fs::rename(&next, &jump).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let passed = u64::try_from(begun.elapsed().as_nanos()).unwrap();
    site.nothing_is_left_but(&[]);
    let ran = ran(site.scratch, output);
    ran.expect_code(0);
    let record = ran.record();
    // It did jump, or this shows nothing: the run begins five hours ahead.
    let started = unix_of(&record.started_at).unwrap();
    let ahead = wall + 5 * HOUR;
    assert!((ahead..ahead + HOUR).contains(&started), "{} is not {}", record.started_at, rfc3339(ahead));
    assert!(record.took_ns < passed, "{} ns of {passed}", record.took_ns);
    for (what, span) in spans(&record) {
        let fits = match what {
            // The edges may be late, each by itself.
            "window" | "readings" => (300_000_000..1_400_000_000).contains(&span),
            _ => span < 20_000_000_000,
        };
        assert!(fits, "{what}: {span} ns");
    }
    let stage = ran.stage("overhead");
    assert_eq!(stage.valid_rounds().count(), 6);
    for trial in stage.valid_rounds().flat_map(|round| &round.trials) {
        let rate = trial.rps().unwrap();
        assert!((rate / 500.0 - 1.0).abs() <= 0.05, "{rate}/s");
    }
    for (id, most) in [("latency/p50", 100.0), ("startup/to_ready", 20_000.0)] {
        let value = ran.value(id);
        assert!(value > 0.0 && value < most, "{id} is {value}");
    }
}

/// The files that may ask for the wall clock: what gives dates, and what compares the ages of files.
const WALL_CLOCK: [&str; 4] = [
    "crates/base/src/clock.rs",
    "crates/rig/src/keeper/scratch.rs",
    "crates/rig/src/target/container/nonce.rs",
    "src/stages/import/run.rs",
];

#[test]
fn no_other_file_asks_for_the_wall_clock() {
    let _alone = alone();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut found) = (vec![root.join("src"), root.join("crates")], Vec::new());
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && ["SystemTime", "CLOCK_REALTIME", "UNIX_EPOCH", "now_utc"]
                    .iter()
                    .any(|word| std::fs::read_to_string(&path).unwrap().contains(word))
            {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    assert_eq!(found, WALL_CLOCK);
}
