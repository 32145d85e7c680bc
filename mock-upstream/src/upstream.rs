//! The mock upstream: the server behind the target, which answers as its flags say.

mod admin;
mod args;
mod behaviour;
mod cancels;
mod connection;
mod delay;
mod fault;
mod ledger;
mod mcp;
mod reply;
mod routes;
mod serve;
mod socket;
mod state;
mod stdio;
mod stream;

pub use self::args::Args;
pub use self::behaviour::{Behaviour, ErrorKind, Sse};
pub use self::cancels::{CancelReport, Cancelled};
pub use self::delay::{Delay, DelayError, Sampler};
pub use self::fault::Fault;
pub use self::ledger::{DelayTotal, FaultTotals, Hits, LedgerReport, StallSpan};
pub use self::mcp::{
    McpFault, McpFaultCount, McpFaultError, McpFaultKind, McpFlags, McpHits, McpReport, McpSessions, McpStreams,
};
pub use self::serve::{main_with, serve};
