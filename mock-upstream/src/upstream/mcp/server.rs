//! The state of the MCP server.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use harness_base::units::Nanos;

use super::counts::{Counts, McpReport};
use super::fault::Faults;
use super::flags::McpFlags;
use super::sessions::Sessions;
use super::tools::Tools;

/// What all requests to the MCP server share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(super) flags: McpFlags,
    pub(super) tools: Tools,
    pub(super) sessions: Sessions,
    pub(super) counts: Arc<Counts>,
    pub(super) faults: Faults,
    /// Calls so far, of which a share is answered with event streams.
    pub(super) calls: AtomicU64,
}

impl Server {
    /// Creates the server. `filler` pads the result of a tool until its message has `filler.len()` bytes.
    pub(crate) fn new(flags: McpFlags, filler: Bytes) -> Self {
        let count = usize::try_from(flags.mcp_tools).unwrap_or(usize::MAX);
        let page = usize::try_from(flags.mcp_page).unwrap_or(usize::MAX);
        let most = usize::try_from(flags.mcp_sessions).unwrap_or(usize::MAX);
        Self {
            tools: Tools::new(count, page, filler),
            sessions: Sessions::new(most, Nanos::of(flags.mcp_session_idle)),
            counts: Counts::new(count),
            faults: Faults::new(&flags.mcp_faults),
            calls: AtomicU64::new(0),
            flags,
        }
    }

    /// Reports what was counted so far.
    pub(crate) fn report(&self) -> McpReport {
        self.counts.report(self.sessions.totals(), self.faults.report())
    }
}
