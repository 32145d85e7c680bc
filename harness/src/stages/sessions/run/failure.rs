//! Why a request to the target failed.

use std::time::Duration;

use super::connection::Broken;
use crate::measure::Outcome;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("status {status}: {body}")]
    Status { status: u16, body: String },
    #[error("the answer to initialize has no header Mcp-Session-Id")]
    NoSession,
    #[error("the answer is not an event stream")]
    NotAStream,
    #[error("the answer is not a JSON-RPC result: {0}")]
    NotAResult(String),
    #[error("the first event of the subscription is not its acknowledgement: {0}")]
    NotAcknowledged(String),
}

impl Failure {
    pub(super) const fn outcome(&self) -> Outcome {
        match self {
            Self::Connect(_) => Outcome::Connect,
            Self::Broken(_) => Outcome::Reset,
            Self::Late(_) => Outcome::Timeout,
            Self::Status { .. } | Self::NoSession | Self::NotAStream => Outcome::WrongStatus,
            Self::NotAResult(_) | Self::NotAcknowledged(_) => Outcome::WrongBody,
        }
    }
}
