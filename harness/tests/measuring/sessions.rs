//! Stage `sessions` against the reference sidecar, whose memory per session and whose leaks are set by flags.

use std::ops::Range;
use std::time::Duration;

use rand::Rng;

use crate::alone;
use crate::support::{Ran, Scratch, harness, measured, ran, settled, sidecar};

const KIB: f64 = 1024.0;
const MEMORY: [&str; 2] = ["--session-memory", "326KiB"];

/// Returns a stage of short steps behind the MCP server of the bundled upstream.
fn stage(more: &str) -> String {
    format!(
        "[stage.sessions]\nmost = 60\nsteps = 3\nsettle = \"100ms\"\nhold = \"300ms\"\n\
         upstream = {{ mcp = {{ tools = 1 }} }}\n{more}\n"
    )
}

/// Draws a value, which the output shows.
fn drawn(range: Range<u64>) -> u64 {
    let value = rand::rng().random_range(range);
    println!("drawn: {value}");
    value
}

fn without_errors(scenario: &str) -> Ran {
    let ran = measured(scenario);
    ran.expect_code(0);
    assert_eq!(ran.metric("errors/sessions_percent"), Some(0.0), "{}", ran.stdout);
    ran
}

/// Lets ten sessions share a connection. A connection of its own adds a tenth to the 326 KiB of a session, and the allocator of the sidecar
/// keeps most of that for later.
const SHARED: &str = "per_connection = 10\n";

/// Returns what the sidecars report about their sessions.
fn totals(ran: &Ran, of: &str) -> Vec<u64> {
    ran.truths.iter().map(|truth| truth["sessions"][of].as_u64().unwrap()).collect()
}

#[test]
fn memory_per_session_and_the_leak_of_a_tenth_of_the_deleted_ones_are_found() {
    let _alone = alone();
    let flags = [&MEMORY[..], &["--session-leak", "10%"]].concat();
    let scenario =
        sidecar(&flags, &stage(&format!("{SHARED}launches = 3\nend = {{ delete = \"100%\" }}\nwait = \"200ms\"")));
    let mut first = Some(without_errors(&scenario));
    let ran = first.as_ref().unwrap();
    // The first ten are not counted, and one of them is leaked before the first step.
    assert_eq!((totals(ran, "opened"), totals(ran, "open")), (vec![70; 3], vec![0; 3]));
    assert!(totals(ran, "leaked").iter().all(|leaked| (6..=8).contains(leaked)), "{:?}", totals(ran, "leaked"));
    let descriptors = ran.value("descriptors/per_session");
    assert!((descriptors - 0.2).abs() < 1e-9, "two for ten sessions: {descriptors}");
    assert_eq!(ran.value("descriptors/left"), 0.0);
    assert_eq!((ran.value("threads/per_session"), ran.value("processes/per_session")), (0.0, 0.0));
    let mut again = || first.take().unwrap_or_else(|| without_errors(&scenario));
    settled("KiB per session ÷ 326, and leaked %", 0.9..=1.1, || {
        let ran = again();
        let leaked = 100.0 - ran.value("sessions/reclaimed_percent");
        assert!((7.0..=13.0).contains(&leaked), "a tenth is leaked: {leaked} %");
        ran.value("memory/per_session_bytes") / KIB / 326.0
    });
}

#[test]
fn sessions_without_delete_come_back_after_their_time_to_live_or_never() {
    let _alone = alone();
    let stage = stage(&format!("{SHARED}launches = 1\nping = \"200ms\"\nend = {{ close = \"50%\" }}\nwait = \"2s\""));
    let flags = [&MEMORY[..], &["--session-ttl", "1500ms"]].concat();
    let ran = without_errors(&sidecar(&flags, &stage));
    assert_eq!((totals(&ran, "open"), totals(&ran, "deleted")), (vec![0], vec![10]));
    assert!(ran.shows("30 closed, 30 abandoned"), "{}", ran.stdout);
    let back = ran.value("sessions/reclaimed_percent");
    assert!(back >= 90.0, "{back} %");
    // The abandoned clients keep their connections, and the sidecar one to the upstream for each.
    assert_eq!(ran.value("descriptors/left"), 6.0);

    let stage = stage.replace("wait = \"2s\"", "wait = \"200ms\"");
    let ran = without_errors(&sidecar(&MEMORY, &stage));
    assert_eq!(totals(&ran, "open"), [60]);
    let back = ran.value("sessions/reclaimed_percent");
    assert!(back < 10.0, "memory is kept for ever: {back} %");
}

#[test]
fn an_open_stream_costs_two_descriptors_and_gives_them_back() {
    let _alone = alone();
    for revision in ["2026-07-28", "2025-06-18"] {
        let more = format!("launches = 1\nopen = \"streams\"\nrevision = \"{revision}\"\nwait = \"300ms\"");
        let ran = without_errors(&sidecar(&[], &stage(&more)));
        assert_eq!((ran.value("descriptors/per_session"), ran.value("descriptors/left")), (2.0, 0.0));
        let bytes = ran.value("memory/per_stream_bytes");
        assert!((1.0..200.0 * KIB).contains(&bytes), "{bytes} bytes");
        assert_eq!(ran.metric("memory/per_session_bytes"), None);
    }
}

#[test]
fn the_memory_of_a_burst_of_requests_and_the_part_that_never_comes_back_are_found() {
    let _alone = alone();
    // Much more than a connection needs. Values that no other test has, and other ones each time.
    let (kib, leaked) = (drawn(900..1_400), drawn(10..40));
    let (memory, leak) = (format!("{kib}KiB"), format!("{leaked}%"));
    let flags = ["--request-memory", &memory, "--request-leak", &leak];
    let more = "launches = 1\nopen = \"requests\"\nbody = \"2KiB\"\nwait = \"300ms\"";
    let scenario = sidecar(&flags, &stage(more));
    let mut first = Some(without_errors(&scenario));
    let ran = first.as_ref().unwrap();
    assert!(ran.shows("60 finished"), "{}", ran.stdout);
    assert_eq!(ran.truths[0]["held"]["most"].as_u64(), Some(60), "all of them were in flight at the same time");
    assert_eq!((ran.value("descriptors/per_session"), ran.value("descriptors/left")), (2.0, 0.0));
    let mut again = || first.take().unwrap_or_else(|| without_errors(&scenario));
    settled("KiB per request ÷ truth, and what stays", 0.9..=1.1, || {
        let ran = again();
        let stays = 100.0 - ran.value("sessions/reclaimed_percent");
        // The sidecar says how many requests have leaked; what the connections needed is less than a tenth.
        let truth = ran.truths[0]["held"]["leaked"].as_u64().unwrap() as f64 / 60.0 * 100.0;
        assert!((truth - 5.0..=truth + 10.0).contains(&stays), "{stays} % stay, {truth} % of the requests leaked");
        ran.value("memory/per_request_bytes") / KIB / kib as f64
    });
}

#[test]
fn a_target_that_takes_no_more_sessions_is_at_fault() {
    let _alone = alone();
    let full =
        stage("launches = 1\nwait = \"0s\"").replace("tools = 1 }", "tools = 1 }, args = [\"--mcp-sessions\", \"30\"]");
    let ran = measured(&sidecar(&[], &full));
    ran.expect_code(5);
    assert!(ran.shows("wrong status") && ran.shows("too many sessions are open"), "{}", ran.stdout);
}

/// Reads the largest resident memory of a process so far, in MiB.
fn peak_mib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / KIB)
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn ten_thousand_idle_streams_need_little_memory_here() {
    let _alone = alone();
    let many = stage("launches = 1\nopen = \"streams\"\nwait = \"5s\"").replace("most = 60", "most = 10000");
    let scratch = Scratch::new();
    let file = scratch.0.join("scenario.toml");
    std::fs::write(&file, sidecar(&[], &many)).unwrap();
    let mut command = harness();
    command.arg("run").arg(&file).arg("--out").arg(scratch.0.join("out"));
    let pipe = std::process::Stdio::piped;
    let mut child = command.stdout(pipe()).stderr(pipe()).spawn().unwrap();
    let mut peak = 0.0_f64;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(peak_mib(child.id()).unwrap_or(0.0));
        std::thread::sleep(Duration::from_millis(20));
    }
    let ran = ran(scratch, child.wait_with_output().unwrap());
    ran.expect_code(0);
    assert_eq!(ran.metric("errors/sessions_percent"), Some(0.0), "{}", ran.stdout);
    println!("{peak:.0} MiB here, {:.1} KiB of the sidecar per stream", ran.value("memory/per_stream_bytes") / KIB);
    assert!((10.0..200.0).contains(&peak), "{peak} MiB");
    let descriptors = ran.value("descriptors/per_session");
    assert!((1.99..=2.01).contains(&descriptors), "{descriptors}");
}
