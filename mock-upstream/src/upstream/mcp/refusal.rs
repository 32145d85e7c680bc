//! Requests that are refused with a status of their own.

use hyper::StatusCode;

use super::revision::SUPPORTED;
use super::write::Failure;

/// A request that is answered with an error instead of what its method answers.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) failure: Failure,
}

impl Refusal {
    pub(super) const fn new(status: StatusCode, failure: Failure) -> Self {
        Self { status, failure }
    }

    /// Refuses a revision that the server does not speak.
    pub(super) fn revision(asked: &str) -> Self {
        let asked = serde_json::Value::from(asked);
        let data = Some(format!(r#"{{"supported":{SUPPORTED},"requested":{asked}}}"#));
        Self::new(StatusCode::BAD_REQUEST, Failure { code: -32_022, message: "unsupported protocol version", data })
    }
}
