//! How the upstream answers.

use std::time::Duration;

use hyper::StatusCode;

use super::delay::Delay;
use super::mcp::McpFlags;

/// How the upstream answers, as set by its flags.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Bytes of a fixed response body, and of an MCP response unless its envelope is larger.
    pub body: usize,
    /// Time from the end of the request to the response.
    pub delay: Delay,
    /// Seed of the drawn delays.
    pub seed: u64,
    /// Status instead of the route's own.
    pub status: Option<StatusCode>,
    /// Only every Nth request gets `status`; 1 is every request.
    pub status_every: u64,
    /// Every Nth request gets no answer.
    pub error_every: Option<u64>,
    pub error_kind: ErrorKind,
    /// Bytes per second at which a body that is only counted is read; absent: at once.
    pub read_rate: Option<usize>,
    pub sse: Sse,
    /// The flags of the whole MCP server; absent: the minimal one.
    pub mcp: Option<McpFlags>,
    /// Whether answers have the receive and send stamps.
    pub stamps: bool,
    /// Whether requests below `/__upstream/` are commands; otherwise they are requests like others.
    pub admin_paths: bool,
}

/// How the upstream breaks a connection. On HTTP/2, each of them resets the stream instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ErrorKind {
    /// TCP reset
    Reset,
    /// Orderly close without data
    Close,
    /// Bytes that are not HTTP, then close
    Garbage,
    /// End of the stream without data, while the other direction stays open
    HalfClose,
}

/// The event stream at `/sse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sse {
    /// Events before the stream ends.
    pub events: u64,
    /// Time from one event to the next; the first is sent at once.
    pub interval: Duration,
    /// Bytes of one event's data.
    pub size: usize,
}

impl Default for Behaviour {
    /// Answers with a 1 KiB body at once, with stamps.
    fn default() -> Self {
        Self {
            body: 1024,
            delay: Delay::Constant(Duration::ZERO),
            seed: 42,
            status: None,
            status_every: 1,
            error_every: None,
            error_kind: ErrorKind::Reset,
            read_rate: None,
            sse: Sse { events: 10, interval: Duration::from_millis(100), size: 64 },
            mcp: None,
            stamps: true,
            admin_paths: true,
        }
    }
}
