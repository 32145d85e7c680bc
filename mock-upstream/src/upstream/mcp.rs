//! MCP over HTTP at `/mcp`: the whole protocol with `--mcp`, and a minimal server for proxies that parse MCP without it. With `--stdio`, MCP
//! over stdin and stdout.

mod call;
mod counts;
mod endpoint;
mod fault;
mod flags;
mod headers;
mod legacy;
mod message;
mod modern;
mod plain;
mod refusal;
mod revision;
mod server;
mod sessions;
mod stdio;
mod stream;
mod tools;
mod write;

pub use self::counts::{McpFaultCount, McpHits, McpReport, McpSessions, McpStreams};
pub(crate) use self::endpoint::serve;
pub use self::fault::{McpFault, McpFaultError, McpFaultKind};
pub use self::flags::McpFlags;
pub(crate) use self::plain::{Answer, answer};
pub(crate) use self::server::Server;
pub(crate) use self::stdio::Session;
