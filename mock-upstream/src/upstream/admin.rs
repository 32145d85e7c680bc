//! Commands to the upstream, which are neither counted, delayed nor affected by faults: requests below `/__upstream/`, or lines on stdin.

use hyper::StatusCode;

use super::fault::Fault;
use super::reply::{self, Reply};
use super::state::Upstream;

pub(crate) const PREFIX: &str = "/__upstream/";

/// The prefix of the commands that switch a fault.
const FAULT: &str = "fault/";

/// Answers a request below [`PREFIX`].
pub(crate) fn answer(upstream: &Upstream, path: &str) -> Reply {
    let (status, body) = obey(upstream, path.strip_prefix(PREFIX).unwrap_or_default());
    reply::json(status, body)
}

/// Obeys a command. Returns the status and the JSON of the answer.
pub(crate) fn obey(upstream: &Upstream, command: &str) -> (StatusCode, Vec<u8>) {
    if let Some(name) = command.strip_prefix(FAULT) {
        return switch(upstream, name);
    }
    let text = |status, text: &str| (status, text.as_bytes().to_vec());
    match command {
        "health" => text(StatusCode::OK, r#"{"status":"ok"}"#),
        "ledger" => ledger(upstream),
        "cancelled" => json(&upstream.cancels.take()),
        _ => text(
            StatusCode::NOT_FOUND,
            r#"{"error":"no such path; there are /__upstream/ledger, /__upstream/cancelled, /__upstream/health and /__upstream/fault/NAME"}"#,
        ),
    }
}

/// Switches the fault for the requests that follow, and answers the ledger.
fn switch(upstream: &Upstream, name: &str) -> (StatusCode, Vec<u8>) {
    match Fault::parse(name) {
        Some(fault) => {
            upstream.switch.set(fault);
            ledger(upstream)
        }
        None => (
            StatusCode::BAD_REQUEST,
            br#"{"error":"no such fault; there are none, down, slow/500ms, reset, half-close and garbage"}"#.to_vec(),
        ),
    }
}

fn ledger(upstream: &Upstream) -> (StatusCode, Vec<u8>) {
    json(&upstream.report())
}

fn json(report: &impl serde::Serialize) -> (StatusCode, Vec<u8>) {
    match serde_json::to_vec(report) {
        Ok(body) => (StatusCode::OK, body),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, br#"{"error":"the report has no JSON form"}"#.to_vec()),
    }
}
