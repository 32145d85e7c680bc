//! The truths again over unix sockets and IPv6, and what runs over unix sockets leave behind.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::against::within;
use crate::alone;
use crate::known_truth::adds;
use crate::support::{Ran, Scratch, harness, ran, run, sidecar, sidecar_at_sockets, sidecar_on_ipv6};

const STARTUP: &str = "[stage.startup]\nlaunches = 6\n";

fn half_a_millisecond_is_found(scenario: fn(&[&str], &str) -> String) {
    let added_ms = |truth: &serde_json::Value| truth["added_request_ns"]["median"].as_f64().unwrap() / 1e6;
    adds(scenario, ("--add-latency", ["300us", "800us"]), added_ms, &[("overhead/latency_p50", 0.10, 1.0)]);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn half_a_millisecond_of_added_latency_is_recovered_over_unix_sockets() {
    let _alone = alone();
    half_a_millisecond_is_found(sidecar_at_sockets);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn half_a_millisecond_of_added_latency_is_recovered_over_ipv6() {
    let _alone = alone();
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("SKIPPED: this host has no IPv6");
        return;
    }
    half_a_millisecond_is_found(sidecar_on_ipv6);
}

/// Below `folder`, everything whose name ends with `end`.
fn named(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => named(&path, end),
            false if path.to_string_lossy().ends_with(end) => vec![path],
            false => Vec::new(),
        })
        .collect()
}

/// Starts a run whose temporary files are below `tmp`.
fn start(scratch: &Scratch, tmp: &Scratch, scenario: &str) -> std::process::Child {
    let file = scratch.0.join("scenario.toml");
    std::fs::write(&file, scenario).unwrap();
    let mut command = harness();
    command.env("TMPDIR", &tmp.0).arg("run").arg(&file).arg("--out").arg(scratch.0.join("out"));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn sockets_are_left_neither_by_a_run_nor_by_a_failed_or_a_killed_one() {
    let _alone = alone();
    for (flags, code) in [(&[][..], Some(0)), (&["--exit-after", "2", "--exit-code", "7"], None)] {
        let (scratch, tmp) = (Scratch::new(), Scratch::new());
        let stages = if code.is_some() { STARTUP } else { "[stage.overhead]\nrounds = 6\nwindow = \"200ms\"\n" };
        let ended = start(&scratch, &tmp, &sidecar_at_sockets(flags, stages)).wait().unwrap().code();
        assert!(code.map_or(ended != Some(0), |code| ended == Some(code)), "{flags:?}: {ended:?}");
        assert!(is_empty(&tmp.0), "{flags:?} left {:?}", named(&tmp.0, ""));
    }
    let (scratch, tmp) = (Scratch::new(), Scratch::new());
    let endless = "[stage.idle]\nlaunches = 4\nsettle = \"1m\"\nwindow = \"1m\"\n";
    let mut killed = start(&scratch, &tmp, &sidecar_at_sockets(&[], endless));
    assert!(within(Duration::from_secs(60), || named(&tmp.0, ".sock").len() == 3), "{:?}", named(&tmp.0, ""));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(within(Duration::from_secs(30), || is_empty(&tmp.0)), "left: {:?}", named(&tmp.0, ""));
}

#[test]
fn a_target_that_listens_elsewhere_is_reported_with_its_socket() {
    let _alone = alone();
    let elsewhere = |scenario: String| scenario.replace("\"unix:{socket.proxy}\"", "\"unix:{socket.proxy}x\"");
    let ran = run(&elsewhere(sidecar_at_sockets(&[], STARTUP)).replace("deadline = \"10s\"", "deadline = \"2s\""));
    shows(&ran, 5, &["never listened: unix://", "proxy.sock", "ss -ltnx"]);
}

#[test]
fn an_address_that_the_host_does_not_have_is_named() {
    let _alone = alone();
    // In a network of its own, where loopback has no address yet, IPv6 is off.
    let scratch = Scratch::new();
    let file = scratch.0.join("scenario.toml");
    std::fs::write(&file, sidecar_on_ipv6(&[], STARTUP)).unwrap();
    let shell = "ip link set lo up && sysctl -qw net.ipv6.conf.all.disable_ipv6=1 && exec \"$0\" \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["--net", "sh", "-c", shell]).arg(harness().get_program());
    let output = command.args(["run", "--verbose"]).arg(&file).arg("--out").arg(scratch.0.join("out")).output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: unshare is not installed");
        return;
    };
    let ran = ran(scratch, output);
    if ran.stdout.is_empty() {
        eprintln!("SKIPPED: no network namespace without IPv6 can be made here: {}", ran.stderr);
        return;
    }
    shows(&ran, 2, &["this host has no address ::1", "turn IPv6 on with"]);
}

fn shows(ran: &Ran, code: i32, words: &[&str]) {
    ran.expect_code(code);
    for word in words {
        assert!(ran.shows(word), "{word:?} is not in:\n{}\n{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn a_socket_at_which_another_process_listens_is_taken() {
    let _alone = alone();
    let scratch = Scratch::new();
    let path = scratch.0.join("taken.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let fixed = sidecar(&[], STARTUP)
        .replace("\"127.0.0.1:{port.proxy}\"", &format!("\"unix:{}\"", path.display()))
        .replace("http://127.0.0.1:{port.proxy}\"", &format!("unix://{}\"", path.display()));
    shows(&run(&fixed), 5, &["another process listens at the socket", "taken.sock", "{socket.NAME}"]);
}
