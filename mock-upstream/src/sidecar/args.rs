use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use hyper::Uri;

use crate::units::{parse_duration, parse_size};

/// A small honest reverse proxy whose costs and faults are set by flags and told at the admin port.
///
/// The admin port answers /health, /ready, /truth (JSON) and /metrics (Prometheus). Durations after a start count
/// from the entry of main.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "reference-sidecar", version)]
pub struct Args {
    /// Address of the proxy; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8081")]
    pub listen: SocketAddr,
    /// Address of the admin endpoint
    #[arg(long, default_value = "127.0.0.1:8082")]
    pub admin: SocketAddr,
    /// Where requests go, http://HOST:PORT
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub upstream: Target,
    /// Print `listening ADDRESS admin ADDRESS` once the proxy accepts connections
    #[arg(long)]
    pub announce: bool,
    /// Print `truth JSON` at the end of the process, the same as /truth
    #[arg(long)]
    pub truth_on_exit: bool,
    /// Threads of the proxy
    #[arg(long, default_value_t = 1)]
    pub workers: usize,

    /// The proxy listens this long after main
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub listen_after: Duration,
    /// /health answers 503 until this long after main
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub healthy_after: Duration,
    /// /ready answers 503 until this long after main
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub ready_after: Duration,
    /// /ready never answers anything but 503
    #[arg(long)]
    pub never_ready: bool,

    /// Hold every request back before it is forwarded
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub add_latency: Duration,
    /// Hold every response back before it is returned
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub add_latency_response: Duration,
    /// Answer no request earlier than this after it came; whatever else it takes is part of it
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub answer_after: Duration,
    /// CPU time burned for every request, by the thread's CPU clock
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub burn: Duration,
    /// Threads that burn CPU without end
    #[arg(long, default_value_t = 0)]
    pub burn_forever: usize,
    /// Lines written to stdout for every request
    #[arg(long, default_value_t = 0)]
    pub log_lines_per_request: u32,
    /// Bytes of lines written to stdout every second, from the start, by a thread of its own
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub flood_per_second: usize,

    /// Memory held and touched from the start
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub ballast: usize,
    /// Memory leaked every second
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub leak_per_second: usize,
    /// Memory leaked for every request
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub leak_per_request: usize,
    /// File descriptors leaked every second
    #[arg(long, default_value_t = 0)]
    pub leak_fds_per_second: usize,
    /// Memory that grows to this size over --sawtooth-period and is then given back at once, again and again
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub sawtooth: usize,
    /// How long the sawtooth grows
    #[arg(long, default_value = "4s", value_parser = parse_period)]
    pub sawtooth_period: Duration,

    /// Every Nth request is answered by the sidecar itself, at once, and not forwarded
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub error_every: Option<u64>,
    /// What --error-every answers
    #[arg(long, value_enum, default_value = "http500")]
    pub error_kind: ErrorKind,
    /// What a request is answered with whose upstream failed
    #[arg(long, value_enum, default_value = "bad-gateway")]
    pub on_upstream_error: OnUpstreamError,
    /// An upstream that could not be connected to once is never asked again
    #[arg(long)]
    pub never_reconnect: bool,
    /// Answers are written one after the other: a client that does not read keeps all others waiting
    #[arg(long)]
    pub one_writer: bool,
    /// No request makes progress from this long after the first one
    #[arg(long, default_value = "0ms", value_parser = parse_duration, requires = "freeze_for")]
    pub freeze_at: Duration,
    /// How long the freeze lasts
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub freeze_for: Duration,
    /// Exit 5 ms after the Nth request was answered
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub exit_after: Option<u64>,
    /// The exit code of --exit-after
    #[arg(long, default_value_t = 1)]
    pub exit_code: u8,
    /// Exit with this code before listening
    #[arg(long, value_name = "CODE")]
    pub exit_at_start: Option<u8>,
    /// What --exit-at-start writes to stderr
    #[arg(long, value_name = "MESSAGE", requires = "exit_at_start")]
    pub stderr: Option<String>,

    /// Go on serving after SIGTERM
    #[arg(long)]
    pub ignore_sigterm: bool,
    /// Exit with code 0 at SIGTERM, without an answer to what is under way
    #[arg(long, conflicts_with = "ignore_sigterm")]
    pub drop_on_term: bool,
    /// Serve from a grandchild in a session of its own; the process itself exits once that listens, or stays
    #[arg(long, value_enum, require_equals = true, num_args = 0..=1, default_missing_value = "exit")]
    pub double_fork: Option<DoubleFork>,
    /// Run a worker process beside the proxy
    #[arg(long)]
    pub worker_child: bool,
    /// CPU time the worker burns every second
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub worker_burn: Duration,
    /// Memory the worker holds and touches
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub worker_ballast: usize,

    /// What this process is to be, when it was started by the sidecar itself
    #[arg(long, value_enum, hide = true, overrides_with = "role")]
    pub(crate) role: Option<Role>,
}

/// What `--error-every` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ErrorKind {
    /// HTTP 500
    Http500,
    /// HTTP 200 whose body is a JSON-RPC error
    Jsonrpc,
}

/// What a request is answered with whose upstream failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OnUpstreamError {
    /// HTTP 502
    BadGateway,
    /// HTTP 200 whose body is not the upstream's
    Ok,
    /// Nothing, ever
    Hang,
}

/// What the original process does once its grandchild listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DoubleFork {
    /// Exit with code 0
    Exit,
    /// Wait until the grandchild is gone
    Stay,
}

/// The parts a re-executed process may play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    /// Start a session, start the serving process, and exit.
    Session,
    /// Serve, and tell the other end of stdin once listening.
    Serve,
    /// Burn and hold what the worker's flags say.
    Worker,
}

fn parse_period(text: &str) -> Result<Duration, String> {
    let period = parse_duration(text)?;
    if period.is_zero() { Err(format!("`{text}` is no period; write 4s")) } else { Ok(period) }
}

/// The upstream of the sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `HOST:PORT`.
    pub authority: String,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no upstream; write http://HOST:PORT");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let plain = uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/");
        match uri.authority() {
            Some(authority) if plain => Ok(Self {
                authority: match authority.port() {
                    Some(_) => authority.to_string(),
                    None => format!("{authority}:80"),
                },
            }),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn an_upstream_is_a_plain_http_origin() {
        let authority = |text: &str| text.parse::<Target>().map(|t| t.authority);
        assert_eq!(authority("http://127.0.0.1:9/"), Ok("127.0.0.1:9".into()));
        assert_eq!(authority("http://localhost"), Ok("localhost:80".into()));
        for wrong in ["https://a:1", "a:1", "http://a:1/base", ""] {
            assert!(authority(wrong).unwrap_err().contains("http://HOST:PORT"), "{wrong}");
        }
    }

    #[test]
    fn the_last_role_wins() {
        let argv = ["sidecar", "--double-fork=stay", "--role", "session", "--role", "serve"];
        let args = Args::parse_from(argv);
        assert_eq!(args.double_fork, Some(DoubleFork::Stay));
        assert_eq!(args.role, Some(Role::Serve));
    }
}
