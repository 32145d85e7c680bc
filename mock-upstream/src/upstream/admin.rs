//! The paths under `/__upstream/`: neither counted, delayed nor broken.

use hyper::StatusCode;

use super::connection::Upstream;
use super::reply::{self, Reply};

pub(crate) const PREFIX: &str = "/__upstream/";

pub(crate) fn answer(upstream: &Upstream, path: &str) -> Reply {
    match path.strip_prefix(PREFIX) {
        Some("health") => reply::json(StatusCode::OK, r#"{"status":"ok"}"#),
        Some("ledger") => match serde_json::to_vec(&upstream.ledger.report()) {
            Ok(body) => reply::json(StatusCode::OK, body),
            Err(_) => reply::empty(StatusCode::INTERNAL_SERVER_ERROR),
        },
        _ => reply::json(
            StatusCode::NOT_FOUND,
            r#"{"error":"no such path; there are /__upstream/ledger and /__upstream/health"}"#,
        ),
    }
}
