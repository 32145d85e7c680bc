//! Errors of the load child. They reach control as text.

use std::io;

use goose::GooseError;

use super::pointers::PointerError;
use super::template::TemplateError;
use super::wire::TlsError;

/// The reason why the load child cannot do what it was asked to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChildError {
    #[error("cannot use its pipes, or start a thread")]
    Io(#[from] io::Error),
    #[error("the job cannot be parsed: {0}")]
    Job(serde_json::Error),
    #[error("the command cannot be parsed: {0}")]
    Command(serde_json::Error),
    #[error("the first command must be a job")]
    NoJob,
    #[error("the child has a job already")]
    SecondJob,
    #[error("a job needs at least one connection")]
    NoConnections,
    #[error("a job needs at least one request")]
    NoRequests,
    #[error(
        "{connections} connections to {arms} arm(s) need {needed} descriptors, but the limit of this process is {limit}; raise the limit with: \
         sudo prlimit --pid $$ --nofile={room}:{room}, or lower `connections`",
        room = needed.next_power_of_two()
    )]
    Descriptors { connections: u64, arms: usize, needed: u64, limit: u64 },
    #[error("the job has no {arm} arm")]
    NoArm { arm: &'static str },
    #[error("the job has no messages to echo, so it has no handshakes of its own")]
    NoEcho,
    #[error("stopped")]
    Stopped,
    #[error("request {request}: {reason}")]
    Request { request: String, reason: RequestError },
    #[error("TLS to the {arm} arm: {cause}")]
    Tls { arm: &'static str, cause: TlsError },
    #[error("Goose failed: {0}")]
    Goose(Box<GooseError>),
    #[error("Goose ended the users")]
    GooseEnded,
    #[error("the thread of the users failed")]
    Users(#[from] tokio::task::JoinError),
}

/// The reason why a request cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("{0:?} is not a valid host")]
    Host(String),
    #[error("{0:?} is not a valid header")]
    Header(String),
    #[error("{0:?} is not a valid method")]
    Method(String),
    #[error("{0:?} is not a valid path")]
    Path(String),
    #[error("the generator sets {0} by the body; remove it from the headers")]
    Framing(http::HeaderName),
    #[error(
        "a streamed body waits for 100 Continue over HTTP/1.1 only; use wire = \"h1\" or \"tls\", or remove continue"
    )]
    ContinueOverHttp2,
    #[error("a streamed body cannot be part of a request that is broken on purpose")]
    StreamedRaw,
    #[error("agents that speak MCP are the only request of a stage; use stage mcp, without others")]
    McpAmongOthers,
    #[error("messages to echo are the only request of a stage; use stage echo, without others")]
    EchoAmongOthers,
    #[error("QUIC needs an IP address and certificates; use stage echo, which has both")]
    NoQuic,
    #[error("its weight {0} is too large")]
    Weight(u64),
    #[error(transparent)]
    Body(#[from] TemplateError),
    #[error("expect: {name:?} with the value {value:?} is not a valid header")]
    ExpectedHeader { name: String, value: String },
    #[error("expect: {0} is not an HTTP status")]
    ExpectedStatus(u16),
    #[error("expect: {0}")]
    Pointer(PointerError),
    #[error("expect: {pattern:?} is not a regular expression: {cause}")]
    Pattern { pattern: String, cause: String },
}
