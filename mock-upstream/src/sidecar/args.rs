use std::path::PathBuf;
use std::time::Duration;

use harness_base::address::Address;
use harness_base::units::{ParseError, Rate};

use super::calls::CallFlags;
use super::held::HeldFlags;
use super::policy::PolicyFlags;
use super::reload::ReloadFlags;
use super::stopping::StopFlags;
use super::target::{Target, UpstreamHttp};
use crate::flags::{FlagError, parse_duration, parse_size};
use crate::share::parse_share;
use crate::tls::ListenerFlags;

/// A small reverse proxy whose costs and faults are set by flags and reported at the admin port.
///
/// The admin port answers /health, /ready, /truth (JSON) and /metrics (Prometheus). Durations after a start count
/// from the entry of main. Clients speak HTTP/1.1 or HTTP/2: with TLS as agreed by ALPN, without it as their first bytes show (prior
/// knowledge).
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "reference-sidecar", version)]
pub struct Args {
    /// Address of the proxy; port 0 takes a free one, and unix:/PATH is a unix socket, whose file is removed at the end
    #[arg(long, default_value = "127.0.0.1:8081")]
    pub listen: Address,
    #[command(flatten)]
    pub tls: ListenerFlags,
    /// Address of the admin endpoint, which speaks no TLS; unix:/PATH is a unix socket
    #[arg(long, default_value = "127.0.0.1:8082")]
    pub admin: Address,
    /// Upstream, http://HOST:PORT or https://HOST:PORT; unix:/PATH is a unix socket, and https+unix:/PATH one with TLS, whose certificate is
    /// for localhost
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub upstream: Target,
    /// Trust an https upstream whose certificate is for its HOST, and which a CA in this PEM file has signed
    #[arg(long, value_name = "FILE")]
    pub upstream_ca: Option<PathBuf>,
    /// Version of HTTP that the sidecar speaks to the upstream; with 2, the requests of a client connection share one connection
    #[arg(long, value_enum, value_name = "VERSION", default_value = "1.1")]
    pub upstream_http: UpstreamHttp,
    /// Print `listening ADDRESS admin ADDRESS` once the proxy accepts connections
    #[arg(long)]
    pub announce: bool,
    /// Print `truth JSON` when the process exits, with the content of /truth
    #[arg(long)]
    pub truth_on_exit: bool,
    /// Worker threads of the proxy
    #[arg(long, default_value_t = 1)]
    pub workers: usize,

    /// Start listening this long after main
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub listen_after: Duration,
    /// Answer /health with 503 until this long after main
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub healthy_after: Duration,
    /// Answer /ready with 503 until this long after main
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub ready_after: Duration,
    /// Always answer /ready with 503
    #[arg(long)]
    pub never_ready: bool,

    /// Delay every request before forwarding it
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub add_latency: Duration,
    /// Delay every response before returning it
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub add_latency_response: Duration,
    /// Answer no request earlier than this after its arrival; the time includes all other work
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub answer_after: Duration,
    /// Answer only at multiples of this period, like a target that works on a timer
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub answer_grid: Duration,
    /// Forward at most this many requests per second, for example 2000/s; the others wait in one queue, first come, first served
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub serve_rate: Option<Rate>,
    /// Serve requests one after another, each for exactly this long from the start of its turn to its answer; the time includes all other
    /// work, which must take less
    #[arg(long, value_name = "SPAN", value_parser = parse_period, conflicts_with = "serve_rate")]
    pub service_time: Option<Duration>,
    /// Burn this CPU time for every request, by the thread's CPU clock
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub burn: Duration,
    /// Number of threads that burn CPU continuously
    #[arg(long, default_value_t = 0)]
    pub burn_forever: usize,
    /// Pause each of them for this long after every 100 ms of CPU time
    #[arg(long, default_value = "0ms", value_parser = parse_duration, requires = "burn_forever")]
    pub burn_pause: Duration,
    /// Write this many lines to stdout for every request
    #[arg(long, default_value_t = 0)]
    pub log_lines_per_request: u32,
    /// Write this many bytes of lines to stdout per second, from a separate thread
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub flood_per_second: usize,

    #[command(flatten)]
    pub policy: PolicyFlags,
    #[command(flatten)]
    pub reload: ReloadFlags,

    /// Allocate and touch this much memory at the start
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub ballast: usize,
    /// Leak this much memory per second
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub leak_per_second: usize,
    /// Leak this much memory per request
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub leak_per_request: usize,
    /// Leak this many file descriptors per second
    #[arg(long, default_value_t = 0)]
    pub leak_fds_per_second: usize,
    /// Repeatedly allocate up to this much memory over --sawtooth-period and then free all of it
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub sawtooth: usize,
    /// Period of --sawtooth
    #[arg(long, default_value = "4s", value_parser = parse_period)]
    pub sawtooth_period: Duration,

    /// Keep this much memory for each MCP session: from the answer that gives it an id, to the answer of its DELETE
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub session_memory: usize,
    /// Leak the memory of this share of the sessions that end, e.g. 10%
    #[arg(long, value_name = "PERCENT", default_value = "0%", value_parser = parse_share, requires = "session_memory")]
    pub session_leak: f64,
    /// End a session that sent no request for this long; without it, a session that is abandoned keeps its memory for ever
    #[arg(long, value_name = "SPAN", value_parser = parse_period, requires = "session_memory")]
    pub session_ttl: Option<Duration>,

    #[command(flatten)]
    pub held: HeldFlags,
    #[command(flatten)]
    pub calls: CallFlags,

    /// Pass no more than so many bytes per second of each request body on to the upstream, e.g. 50MB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub body_rate: Option<usize>,
    /// Keep each request body in memory until it is complete, and only then send the request to the upstream
    #[arg(long, conflicts_with = "body_rate")]
    pub hold_bodies: bool,
    /// Pass the events of each answer on in groups of so many; the last group may be smaller
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub coalesce: Option<u64>,
    /// Pass each chunk of an answer on so long after it has arrived; the chunks after it do not wait for it
    #[arg(long, value_name = "SPAN", default_value = "0ms", value_parser = parse_duration)]
    pub hold: Duration,
    /// Keep each answer in memory until it is complete, and only then send it to the client
    #[arg(long, conflicts_with_all = ["coalesce", "hold", "lose_event", "repeat_event", "swap_event"])]
    pub buffer: bool,
    /// Read the answer of the upstream on for so long after the client has gone away in the middle of it
    #[arg(long, value_name = "SPAN", value_parser = parse_duration, conflicts_with = "buffer")]
    pub cancel_after: Option<Duration>,
    /// Do not pass on event N of each answer, counted from 0
    #[arg(long, value_name = "N")]
    pub lose_event: Option<u64>,
    /// Pass event N of each answer on twice
    #[arg(long, value_name = "N")]
    pub repeat_event: Option<u64>,
    /// Pass event N of each answer on after the event that follows it
    #[arg(long, value_name = "N")]
    pub swap_event: Option<u64>,

    /// Ask for approval of each POST request before it is forwarded: post a message to URL/api/chat.postMessage, and poll
    /// URL/api/reactions.get until it has a reaction. The connection goes through the proxy in HTTPS_PROXY, if it is set; the CA is the file in
    /// SSL_CERT_FILE
    #[arg(long, value_name = "URL")]
    pub approve_via: Option<Target>,
    /// Time between two polls of --approve-via
    #[arg(long, value_name = "SPAN", default_value = "5ms", value_parser = parse_period, requires = "approve_via")]
    pub approve_poll: Duration,
    /// Wait this long before the message of --approve-via is posted
    #[arg(long, value_name = "SPAN", default_value = "0ms", value_parser = parse_duration, requires = "approve_via")]
    pub approve_delay: Duration,

    /// Answer every Nth request directly instead of forwarding it
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub error_every: Option<u64>,
    /// Answer of --error-every
    #[arg(long, value_enum, default_value = "http500")]
    pub error_kind: ErrorKind,
    /// Answer to a request whose upstream failed
    #[arg(long, value_enum, default_value = "bad-gateway")]
    pub on_upstream_error: OnUpstreamError,
    /// Never connect to the upstream again after one failed connection attempt
    #[arg(long)]
    pub never_reconnect: bool,
    /// Write answers one after another, so a client that does not read blocks all others
    #[arg(long)]
    pub one_writer: bool,
    /// Freeze all requests, starting this long after the first one
    #[arg(long, default_value = "0ms", value_parser = parse_duration, requires = "freeze_for")]
    pub freeze_at: Duration,
    /// Duration of the freeze
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub freeze_for: Duration,
    /// Freeze again this often, from start to start
    #[arg(long, default_value = "0ms", value_parser = parse_duration, requires = "freeze_for")]
    pub freeze_every: Duration,
    /// Exit 5 ms after answering the Nth request
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub exit_after: Option<u64>,
    /// Exit code of --exit-after
    #[arg(long, default_value_t = 1)]
    pub exit_code: u8,
    /// Exit with this code before listening
    #[arg(long, value_name = "CODE")]
    pub exit_at_start: Option<u8>,
    /// Message that --exit-at-start writes to stderr
    #[arg(long, value_name = "MESSAGE", requires = "exit_at_start")]
    pub stderr: Option<String>,

    /// Continue serving after SIGTERM
    #[arg(long)]
    pub ignore_sigterm: bool,
    /// Exit with code 0 at SIGTERM without answering requests in progress
    #[arg(long, conflicts_with = "ignore_sigterm")]
    pub drop_on_term: bool,
    #[command(flatten)]
    pub stop: StopFlags,
    /// Serve from a grandchild in its own session; the process itself exits once the grandchild listens, or stays
    #[arg(long, value_enum, require_equals = true, num_args = 0..=1, default_missing_value = "exit")]
    pub double_fork: Option<DoubleFork>,
    /// Run a worker process in addition to the proxy
    #[arg(long)]
    pub worker_child: bool,
    /// CPU time that the worker burns per second
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub worker_burn: Duration,
    /// Memory that the worker allocates and touches
    #[arg(long, default_value = "0B", value_parser = parse_size)]
    pub worker_ballast: usize,

    /// Stand between a client on stdin and stdout and the server that the command after -- starts, instead of listening: pass on every line
    /// of both, until the server ends, and exit with its exit code. Of the other flags, --add-latency, --add-latency-response, --serve-rate,
    /// --burn and --truth-on-exit apply, the last on stderr
    #[arg(long, requires = "server", conflicts_with_all = ["listen", "admin", "upstream", "announce", "double_fork", "worker_child"])]
    pub stdio: bool,
    /// Do not pass every Nth answer of the server on
    #[arg(long, value_name = "N", requires = "stdio", value_parser = clap::value_parser!(u64).range(1..))]
    pub lose_every: Option<u64>,
    /// Pass every Nth answer of the server on with the id of no request
    #[arg(long, value_name = "N", requires = "stdio", value_parser = clap::value_parser!(u64).range(1..))]
    pub wrong_id_every: Option<u64>,
    /// Pass every Nth answer of the server on twice
    #[arg(long, value_name = "N", requires = "stdio", value_parser = clap::value_parser!(u64).range(1..))]
    pub repeat_every: Option<u64>,
    /// The server that --stdio starts, and its arguments
    #[arg(last = true, value_name = "SERVER", requires = "stdio")]
    pub server: Vec<String>,

    /// Role of a process that the sidecar itself started
    #[arg(long, value_enum, hide = true, overrides_with = "role")]
    pub(crate) role: Option<Role>,
}

/// Answer of `--error-every`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ErrorKind {
    /// HTTP 500
    Http500,
    /// HTTP 200 whose body is a JSON-RPC error
    Jsonrpc,
}

/// Answer to a request whose upstream failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OnUpstreamError {
    /// HTTP 502
    BadGateway,
    /// HTTP 200 with a body that is not the upstream's
    Ok,
    /// No answer
    Hang,
}

/// Behaviour of the original process once its grandchild listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DoubleFork {
    /// Exit with code 0
    Exit,
    /// Wait until the grandchild exits
    Stay,
}

/// Roles of a re-executed process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    /// Start a session, start the serving process, and exit.
    Session,
    /// Serve, and notify the other end of stdin once listening.
    Serve,
    /// Burn CPU and hold memory as the worker's flags specify.
    Worker,
}

/// Parses a rate such as `2000/s`.
fn parse_rate(text: &str) -> Result<Rate, ParseError> {
    Rate::parse(text)
}

fn parse_period(text: &str) -> Result<Duration, FlagError> {
    let period = parse_duration(text)?;
    if period.is_zero() { Err(FlagError::ZeroPeriod(text.to_owned())) } else { Ok(period) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn the_last_role_wins() {
        let argv = ["sidecar", "--double-fork=stay", "--role", "session", "--role", "serve"];
        let args = Args::parse_from(argv);
        assert_eq!(args.double_fork, Some(DoubleFork::Stay));
        assert_eq!(args.role, Some(Role::Serve));
    }
}
