//! Defines why a request of a probe has no answer, and the limits that the messages name.

use std::io;

use harness_base::units::Nanos;

/// The timeout of an answer, however many bytes arrive. If a target accepts a connection but does not answer, the request is repeated
/// on a new connection.
pub(super) const TIMEOUT: Nanos = Nanos::from_secs(1);
/// Longest head, and longest line of a chunked body, in bytes.
pub(super) const HEAD: usize = 64 * 1024;
/// Interim answers (1xx) before the final one.
pub(super) const INTERIM: usize = 16;

/// Defines why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum Miss {
    #[error("the connection was closed before an answer")]
    Closed,
    #[error("the connection was accepted, but no answer came within {TIMEOUT}")]
    Silent,
    #[error("an answer began, but its head did not end within {TIMEOUT}: {0:?}")]
    Slow(String),
    #[error("{INTERIM} interim answers came and no final one, the last with status {0}")]
    Interim(u16),
    #[error("the head of an answer has more than {HEAD} bytes: {0:?}")]
    Long(String),
    #[error("what came was not HTTP/1: {0:?}")]
    Garbage(String),
    #[error("the head of an answer is malformed ({cause}): {start:?}")]
    Malformed { start: String, cause: httparse::Error },
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Io(#[from] io::Error),
}
