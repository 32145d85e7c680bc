use std::time::Duration;

use hyper::StatusCode;

use super::{Delay, ErrorKind};

/// Everything the flags decide about the answers.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Bytes of a fixed response body, and of an MCP response as far as its envelope allows.
    pub body: usize,
    /// Time between the whole request read and the response.
    pub delay: Delay,
    /// Seed of the drawn delays.
    pub seed: u64,
    /// Status instead of the route's own.
    pub status: Option<StatusCode>,
    /// Only every Nth request gets `status`; 1 is every request.
    pub status_every: u64,
    /// Every Nth request is left without an answer.
    pub error_every: Option<u64>,
    /// How it is left without one.
    pub error_kind: ErrorKind,
    /// The event stream at `/sse`.
    pub sse: Sse,
    /// Whether answers carry the receive and send stamps.
    pub stamps: bool,
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
    /// A 1 KiB body at once, with stamps.
    fn default() -> Self {
        Self {
            body: 1024,
            delay: Delay::Constant(Duration::ZERO),
            seed: 42,
            status: None,
            status_every: 1,
            error_every: None,
            error_kind: ErrorKind::Reset,
            sse: Sse { events: 10, interval: Duration::from_millis(100), size: 64 },
            stamps: true,
        }
    }
}
