use std::path::PathBuf;
use std::time::Duration;

use harness_base::address::Address;

use super::behaviour::{Behaviour, ErrorKind, Sse};
use super::delay::Delay;
use super::mcp::McpFlags;
use crate::flags::{parse_duration, parse_size};
use crate::tls::ListenerFlags;

/// A server whose answers, delays and errors are set by flags, and which counts every request.
///
/// Routes: /mcp and /mcp/v1 (without --mcp, POST requests with one JSON-RPC message each, without sessions), /echo, /sink, /sse, /health, /ready; every other path answers
/// with the fixed body. GET /__upstream/ledger returns the hits by method and path; GET /__upstream/cancelled the streams whose client went
/// away before their end, and those that came to their end, since the last such request; GET /__upstream/fault/NAME sets a fault: none, down,
/// slow/500ms, reset, half-close, garbage. A request to any path with the field `x-upstream-stream: events=40, interval=5ms, size=64B` is
/// answered with so many server-sent events, each of which says when it was written. With TLS, errors and faults break the TCP connection below it. A unix
/// socket knows no reset, and is closed instead.
///
/// Clients speak HTTP/1.1 or HTTP/2: with TLS as agreed by ALPN, without it as their first bytes show (prior knowledge). On HTTP/2, each
/// error and fault that would break the connection resets the stream of its request with INTERNAL_ERROR; only `down` ends connections.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "mock-upstream", version)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one, and unix:/PATH is a unix socket, whose file is removed at the end
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: Address,
    #[command(flatten)]
    pub tls: ListenerFlags,
    /// Print `listening ADDRESS` once the server accepts connections
    #[arg(long)]
    pub announce: bool,
    /// Worker threads; the default of 1 leaves the rest of a small machine to the target
    #[arg(long, default_value_t = 1)]
    pub workers: usize,
    /// Size of the response body
    #[arg(long, default_value = "1KiB", value_parser = parse_size)]
    pub body: usize,
    /// Delay of every response, e.g. 800us or 5ms
    #[arg(long, default_value = "0ms", value_parser = parse_duration, conflicts_with = "delay_distribution")]
    pub delay: Duration,
    /// Draw the delay from a distribution: uniform:LOW:HIGH, lognormal:MEDIAN:SIGMA or pareto:MINIMUM:ALPHA (capped at 60s)
    #[arg(long, value_name = "DISTRIBUTION")]
    pub delay_distribution: Option<Delay>,
    /// Seed of the drawn delays
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Answer with this status instead of the route's own
    #[arg(long, value_parser = clap::value_parser!(u16).range(200..=599))]
    pub status: Option<u16>,
    /// Apply --status to every Nth request only
    #[arg(long, requires = "status", value_parser = clap::value_parser!(u64).range(1..))]
    pub status_every: Option<u64>,
    /// Break the connection, or reset the stream on HTTP/2, instead of answering every Nth request
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub error_every: Option<u64>,
    /// How --error-every breaks the connection
    #[arg(long, value_enum, default_value = "reset")]
    pub error_kind: ErrorKind,
    /// Read request bodies that are only counted, as those of /sink, at no more than so many bytes per second, e.g. 50MB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub read_rate: Option<usize>,
    /// Number of events of one /sse stream
    #[arg(long, default_value_t = 10)]
    pub sse_events: u64,
    /// Time between two events of /sse
    #[arg(long, default_value = "100ms", value_parser = parse_duration)]
    pub sse_interval: Duration,
    /// Size of the data of one event
    #[arg(long, default_value = "64B", value_parser = parse_size)]
    pub sse_size: usize,
    /// Speak MCP on stdin and stdout instead of listening: one message per line, in the revisions of --mcp, until the end of stdin. Only
    /// --body and the flags of --mcp apply; the progress of a call is written at once
    #[arg(long, conflicts_with_all = ["listen", "announce", "admin_stdio", "delay", "delay_distribution", "status", "error_every", "tls_cert"])]
    pub stdio: bool,
    /// Write when this process did not run although it was due into this file: a line for each span, with begin, end and the part that the
    /// hypervisor can have taken, in nanoseconds of the monotonic clock
    #[arg(long, value_name = "FILE", requires = "stdio")]
    pub stalls: Option<PathBuf>,
    #[command(flatten)]
    pub mcp: McpFlags,
    /// Answer the commands `ledger`, `cancelled`, `health` and `fault/NAME`, one per line, on stdin and stdout instead of below /__upstream/, so that
    /// no client can give them
    #[arg(long)]
    pub admin_stdio: bool,
    /// Omit the x-upstream-received-ns and x-upstream-sent-ns headers
    #[arg(long)]
    pub no_stamps: bool,
}

impl Args {
    /// Returns the behaviour that the flags select.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        Behaviour {
            body: self.body,
            delay: self.delay_distribution.unwrap_or(Delay::Constant(self.delay)),
            seed: self.seed,
            status: self.status.and_then(|s| hyper::StatusCode::from_u16(s).ok()),
            status_every: self.status_every.unwrap_or(1),
            error_every: self.error_every,
            error_kind: self.error_kind,
            read_rate: self.read_rate,
            sse: Sse { events: self.sse_events, interval: self.sse_interval, size: self.sse_size },
            mcp: self.mcp.if_enabled(),
            stamps: !self.no_stamps,
            admin_paths: !self.admin_stdio,
        }
    }
}
