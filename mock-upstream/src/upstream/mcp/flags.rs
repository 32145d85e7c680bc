use std::time::Duration;

use super::fault::McpFault;
use crate::flags::{FlagError, parse_duration};
use crate::share::parse_share;

/// Flags of the MCP server.
#[derive(Debug, Clone, clap::Args)]
pub struct McpFlags {
    /// Speak the whole of MCP over HTTP at /mcp and /mcp/v1: with sessions in the revisions 2025-03-26, 2025-06-18 and 2025-11-25, and
    /// stateless in 2026-07-28, as each request asks for
    #[arg(long)]
    pub mcp: bool,
    /// Number of tools that tools/list answers; the first is named echo, the others tool_001, tool_002 and so on
    #[arg(long, value_name = "N", default_value_t = 10, requires = "mcp", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub mcp_tools: u64,
    /// Number of tools on one page of tools/list; the next page has a cursor
    #[arg(long, value_name = "N", default_value_t = 100, requires = "mcp", value_parser = clap::value_parser!(u64).range(1..))]
    pub mcp_page: u64,
    /// Share of the answers to tools/call that are event streams, e.g. 15%; default: those whose request has a progress token
    #[arg(long, value_name = "PERCENT", requires = "mcp", value_parser = parse_share)]
    pub mcp_sse: Option<f64>,
    /// Number of progress notifications before the result in an event stream whose request has a progress token
    #[arg(long, value_name = "N", default_value_t = 3, requires = "mcp", value_parser = clap::value_parser!(u64).range(0..=1_000))]
    pub mcp_progress: u64,
    /// Time before each event of such a stream except the first
    #[arg(long, value_name = "SPAN", default_value = "0ms", requires = "mcp", value_parser = parse_duration)]
    pub mcp_progress_every: Duration,
    /// Time between two comments on a stream that stays open: that of a GET request, and that of subscriptions/listen
    #[arg(long, value_name = "SPAN", default_value = "15s", requires = "mcp", value_parser = parse_period)]
    pub mcp_keep_alive: Duration,
    /// Time between two notifications that the list of tools has changed, on each such stream; without it, the server sends none
    #[arg(long, value_name = "SPAN", requires = "mcp", value_parser = parse_period)]
    pub mcp_notify: Option<Duration>,
    /// Number of sessions that can be open at the same time; initialize is refused with 503 beyond it
    #[arg(long, value_name = "N", default_value_t = 100_000, requires = "mcp", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub mcp_sessions: u64,
    /// Time without a request after which a session without an open stream is gone
    #[arg(long, value_name = "SPAN", default_value = "30m", requires = "mcp", value_parser = parse_period)]
    pub mcp_session_idle: Duration,
    /// Answer every Nth tools/call wrongly: wrong-id:N, wrong-version:N, is-error:N, error:N, no-result:N, no-result-type:N (revision
    /// 2026-07-28), gone:N (404 although the session is open) or cut:N (an event stream that ends before its result); no-session:N is
    /// about every Nth initialize. May be repeated
    #[arg(long = "mcp-fault", value_name = "KIND:N", requires = "mcp")]
    pub mcp_faults: Vec<McpFault>,
}

impl McpFlags {
    /// Returns the flags if `--mcp` is one of them.
    #[must_use]
    pub fn if_enabled(&self) -> Option<Self> {
        self.mcp.then(|| self.clone())
    }
}

fn parse_period(text: &str) -> Result<Duration, FlagError> {
    let period = parse_duration(text)?;
    if period.is_zero() { Err(FlagError::ZeroPeriod(text.to_owned())) } else { Ok(period) }
}
