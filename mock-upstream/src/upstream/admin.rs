//! The paths under `/__upstream/`, which are neither counted, delayed nor affected by faults.

use hyper::StatusCode;

use super::fault::Fault;
use super::reply::{self, Reply};
use super::state::Upstream;

pub(crate) const PREFIX: &str = "/__upstream/";

/// The prefix of the paths that switch a fault.
const FAULT: &str = "fault/";

pub(crate) fn answer(upstream: &Upstream, path: &str) -> Reply {
    let path = path.strip_prefix(PREFIX).unwrap_or_default();
    if let Some(name) = path.strip_prefix(FAULT) {
        return switch(upstream, name);
    }
    match path {
        "health" => reply::json(StatusCode::OK, r#"{"status":"ok"}"#),
        "ledger" => ledger(upstream),
        _ => reply::json(
            StatusCode::NOT_FOUND,
            r#"{"error":"no such path; there are /__upstream/ledger, /__upstream/health and /__upstream/fault/NAME"}"#,
        ),
    }
}

/// Switches the fault for the requests that follow, and answers the ledger.
fn switch(upstream: &Upstream, name: &str) -> Reply {
    match Fault::parse(name) {
        Some(fault) => {
            upstream.switch.set(fault);
            ledger(upstream)
        }
        None => reply::json(
            StatusCode::BAD_REQUEST,
            r#"{"error":"no such fault; there are none, down, slow/500ms, reset, half-close and garbage"}"#,
        ),
    }
}

fn ledger(upstream: &Upstream) -> Reply {
    upstream.watch();
    let stalled = upstream.heartbeat.is_known();
    match serde_json::to_vec(&upstream.ledger.report(stalled)) {
        Ok(body) => reply::json(StatusCode::OK, body),
        Err(_) => reply::empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
