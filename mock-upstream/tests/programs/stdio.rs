//! Both programs between pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::spawned::Spawned;

const UPSTREAM: &str = env!("CARGO_BIN_EXE_mock-upstream");
const SIDECAR: &str = env!("CARGO_BIN_EXE_reference-sidecar");

fn spawn(program: &str, arguments: &[&str]) -> Spawned {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    Spawned { child, out }
}

/// Returns the sidecar with these flags before a server.
fn shim(flags: &[&str], server: &[&str]) -> Spawned {
    spawn(SIDECAR, &[&["--stdio"], flags, &["--"], server].concat())
}

fn send(spawned: &mut Spawned, line: &str) {
    let stdin = spawned.child.stdin.as_mut().unwrap();
    writeln!(stdin, "{line}").unwrap();
    stdin.flush().unwrap();
}

/// Pings, and returns the identifier of the answer.
fn ping(spawned: &mut Spawned, id: u64) -> Value {
    send(spawned, &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#));
    let answer: Value = serde_json::from_str(&spawned.line()).unwrap();
    answer["id"].clone()
}

/// Closes stdin, and returns the exit code and what was written to stderr.
fn end(mut spawned: Spawned) -> (Option<i32>, String) {
    drop(spawned.child.stdin.take());
    let mut rest = String::new();
    while spawned.out.read_line(&mut rest).unwrap() > 0 {}
    assert_eq!(rest, "", "nothing but answers");
    let code = spawned.ended().code();
    (code, spawned.message())
}

#[test]
fn a_shim_passes_messages_on_and_ends_with_its_server() {
    for mut spawned in [spawn(UPSTREAM, &["--stdio"]), shim(&["--truth-on-exit"], &[UPSTREAM, "--stdio"])] {
        for id in 1..=3 {
            assert_eq!(ping(&mut spawned, id), id);
        }
        assert_eq!(end(spawned).0, Some(0));
    }
}

#[test]
fn the_exit_code_of_the_server_is_that_of_the_shim() {
    let (code, message) = end(shim(&[], &["sh", "-c", "echo no use >&2; exit 7"]));
    assert_eq!((code, message.as_str()), (Some(7), "no use\n"));
    let (code, _) = end(shim(&[], &["sh", "-c", "kill -KILL $$"]));
    assert_eq!(code, Some(128 + Signal::SIGKILL as i32));
    let (code, message) = end(shim(&[], &["/nonexistent/server"]));
    assert!(code == Some(1) && message.contains("/nonexistent/server"), "{message}");
}

#[test]
fn a_shim_that_is_told_to_end_closes_the_pipes_of_its_server_and_says_what_it_did() {
    let mut spawned =
        shim(&["--truth-on-exit", "--add-latency", "2ms", "--wrong-id-every", "2"], &[UPSTREAM, "--stdio"]);
    assert_eq!(ping(&mut spawned, 1), 1);
    assert_eq!(ping(&mut spawned, 2), "the id of no request");
    spawned.signal(Signal::SIGTERM);
    assert_eq!(spawned.ended().code(), Some(0));
    let message = spawned.message();
    let truth: Value = serde_json::from_str(message.trim().strip_prefix("truth ").unwrap()).unwrap();
    assert_eq!((&truth["answers"], &truth["wrong_ids"]), (&Value::from(2), &Value::from(1)));
    let added = &truth["added_request_ns"];
    assert!(added["count"] == 2 && added["min"].as_u64().unwrap() >= 2_000_000, "{truth}");
}
