//! The requests that are tried on a program.

use harness_rig::probe::Call;

/// A JSON-RPC call that gateways for MCP pass on.
pub(super) const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}"#;
/// What a client of MCP sends first.
pub(super) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"harness","version":"0"}}}"#;

/// Paths at which gateways for MCP listen.
const CALLED: [&str; 2] = ["/mcp/v1", "/mcp"];

/// A request that the scenario may contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Get,
    /// A POST request with this JSON-RPC call.
    Call(&'static str),
}

impl Request {
    /// Lists the requests to try, in this order: those with `path`, or with the usual paths.
    pub(super) fn to_try(path: Option<&str>) -> Vec<Self> {
        let get = Self { kind: Kind::Get, path: path.unwrap_or("/").to_owned() };
        let paths = path.map_or_else(|| CALLED.to_vec(), |path| vec![path]);
        let calls = paths.into_iter().map(|path| Self { kind: Kind::Call(CALL), path: path.to_owned() });
        std::iter::once(get).chain(calls).collect()
    }

    pub(super) const fn method(&self) -> &'static str {
        match self.kind {
            Kind::Get => "GET",
            Kind::Call(_) => "POST",
        }
    }

    /// Returns the request as a probe sends it.
    pub(super) fn call(&self) -> Call {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        let both = ("accept".to_owned(), "application/json, text/event-stream".to_owned());
        let (headers, body) = match self.kind {
            Kind::Get => (Vec::new(), String::new()),
            Kind::Call(body) => (vec![json, both], body.to_owned()),
        };
        Call { method: self.method().to_owned(), headers, body }
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}", self.method(), self.path)
    }
}
