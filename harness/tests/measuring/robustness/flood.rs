//! A target that prints without end.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::Site;
use crate::alone;
use crate::support::{processes_naming, ran, sidecar};

const MIB: u64 = 1 << 20;

/// Bytes that are kept of what a process prints, and room for the line that says so.
const KEPT: u64 = 8 * MIB + 200;

/// Resident memory that control and keeper may have had at most, in bytes. They have a quarter of it, and two seconds of the flood are
/// more than all of it.
const RESIDENT: u64 = 96 * MIB;

/// Returns the largest resident set that a process has had so far, in bytes; nothing once it is gone.
fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(peak.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Returns bytes of the target's log in its three files, and whether the first says that the limit was reached.
fn logged(logs: &Path) -> (u64, bool) {
    let files = std::fs::read_dir(logs).unwrap().flatten().map(|entry| entry.path());
    let targets: Vec<_> =
        files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("target-")).collect();
    let bytes = targets.iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    let shown = targets.iter().filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    (bytes, shown.into_iter().all(|path| std::fs::read_to_string(path).unwrap().contains("bytes dropped")))
}

/// Runs once. Returns the longest resident sets of control and keeper, and the report of the target about its writes.
fn flooded() -> ([u64; 2], Value) {
    let stage =
        "[stage.overhead]\nrounds = 6\nrate = \"200/s\"\nconnections = 4\nwarmup = \"100ms\"\nwindow = \"400ms\"\n";
    let site = Site::new(&sidecar(&["--flood-per-second", "50MiB"], stage));
    let mut child = site.run().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut peaks = [0_u64; 2];
    // Its output fits into a pipe, so that it can be read at the end.
    while child.try_wait().unwrap().is_none() {
        peaks[0] = peaks[0].max(peak(child.id()).unwrap_or(0));
        let processes = processes_naming(&site.tmp.0);
        let keeper = processes.iter().find(|(_, command)| command.contains("__keeper"));
        peaks[1] = peaks[1].max(keeper.and_then(|(pid, _)| peak(*pid)).unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    site.nothing_is_left_but(&[]);
    let logs = crate::support::newest(&site.out()).unwrap().join("logs");
    let (bytes, shown) = logged(&logs);
    let ran = ran(site.scratch, child.wait_with_output().unwrap());
    ran.expect_code(0);
    assert!(bytes <= KEPT && shown, "{bytes} bytes of log, {shown}");
    (peaks, ran.truths[0].clone())
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_flood_of_log_lines_is_bounded_and_never_holds_the_target_back() {
    let _alone = alone();
    let due = 2 * 50 * MIB;
    // Other processes on this machine can only make a write longer.
    let tries = (0..5).map(|_| {
        let (peaks, truth) = flooded();
        assert!(peaks.iter().all(|peak| (MIB..RESIDENT).contains(peak)), "{peaks:?}");
        let write = |key: &str| truth["flood_write_ns"][key].as_u64().unwrap();
        let (bytes, median, sum) = (truth["flooded_bytes"].as_u64().unwrap(), write("median"), write("sum"));
        eprintln!("{bytes} bytes in {} writes, median {median} ns, all {sum} ns; peaks {peaks:?}", write("count"));
        // A reader that is just as quick as the flood would make every write wait for 1.25 ms.
        bytes >= due && median <= 400_000
    });
    assert!(tries.into_iter().any(|free| free), "the target waited for its log in five runs");
}
