//! The era without sessions: the revision 2026-07-28.

use hyper::{HeaderMap, StatusCode};

use super::call::{Called, call};
use super::headers::{self, METHOD, NAME, VERSION};
use super::message::{Message, Params};
use super::refusal::Refusal;
use super::revision::{MODERN, SUPPORTED};
use super::server::Server;
use super::stream::{self, Open};
use super::write::{self, Era, Failure};
use crate::upstream::reply::{self, Reply};

const MISMATCH: i32 = -32_020;

/// Returns whether a message belongs to this era: its metadata has a revision, or its headers are those of this era.
pub(super) fn is_modern(headers: &HeaderMap, message: &Message<'_>) -> bool {
    if let Message::Request { method, params, .. } = message {
        if params.read.meta.as_ref().is_some_and(|meta| meta.protocol_version.is_some()) {
            return true;
        }
        if method == "initialize" {
            return false;
        }
    }
    headers::text(headers, &VERSION) == Some(MODERN) || headers.contains_key(METHOD)
}

/// Answers a POST request.
///
/// # Errors
/// Returns [`Refusal`] if its headers and its body disagree, or the server does not speak its revision or know its method.
pub(super) fn post(server: &Server, headers: &HeaderMap, message: &Message<'_>) -> Result<Reply, Refusal> {
    let Message::Request { id, method, params } = message else {
        return match message {
            // A client of this era sends no answers.
            Message::Response => Err(Refusal::new(StatusCode::BAD_REQUEST, Failure::REQUEST)),
            _ => Ok(reply::empty(StatusCode::ACCEPTED)),
        };
    };
    check(headers, method, params)?;
    Ok(match &**method {
        "tools/call" | "tools/list" | "server/discover" => match answer(server, id, method, params) {
            Called::Message(text) => reply::json(StatusCode::OK, text),
            Called::Events(messages) => stream::answer(messages, server.flags.mcp_progress_every),
            Called::Gone => return Err(Refusal::new(StatusCode::NOT_FOUND, Failure::METHOD)),
        },
        "subscriptions/listen" => match params.read.notifications {
            Some(filter) => listen(server, id, filter.tools_list_changed),
            None => reply::json(StatusCode::OK, write::error(Some(id), &Failure::PARAMS)),
        },
        _ => return Err(Refusal::new(StatusCode::NOT_FOUND, Failure::METHOD)),
    })
}

/// Answers a request that opens no stream.
pub(super) fn answer(server: &Server, id: &str, method: &str, params: &Params<'_>) -> Called {
    let failed = |failure: &Failure| Called::Message(write::error(Some(id), failure));
    match method {
        "tools/call" => call(server, Era::Modern, id, params),
        "tools/list" => {
            let page = server.tools.list(Era::Modern, id, params.read.cursor.as_deref());
            page.map_or_else(|| failed(&Failure::CURSOR), Called::Message)
        }
        "server/discover" => Called::Message(discover(id)),
        _ => failed(&Failure::METHOD),
    }
}

/// Returns the revision that a request names in its metadata; `None` if these are incomplete.
pub(super) fn revision<'p>(params: &'p Params<'_>) -> Option<&'p str> {
    let meta = params.read.meta.as_ref().filter(|_| params.valid);
    let capable = meta.and_then(|meta| meta.client_capabilities).is_some_and(|json| json.get().starts_with('{'));
    meta.and_then(|meta| meta.protocol_version.as_deref()).filter(|_| capable)
}

/// Checks the metadata of a request, and that its headers say the same as its body.
fn check(headers: &HeaderMap, method: &str, params: &Params<'_>) -> Result<(), Refusal> {
    let Some(version) = revision(params) else {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, Failure::PARAMS));
    };
    let mismatch = |message| Err(Refusal::new(StatusCode::BAD_REQUEST, Failure::new(MISMATCH, message)));
    if headers::text(headers, &VERSION) != Some(version) {
        return mismatch("the header MCP-Protocol-Version is missing or differs from the metadata of the body");
    }
    if version != MODERN {
        return Err(Refusal::revision(version));
    }
    if headers::text(headers, &METHOD) != Some(method) {
        return mismatch("the header Mcp-Method is missing or differs from the method of the body");
    }
    let name = match method {
        "tools/call" | "prompts/get" => params.read.name.as_deref(),
        "resources/read" => params.read.uri.as_deref(),
        _ => return Ok(()),
    };
    match name {
        None => Err(Refusal::new(StatusCode::BAD_REQUEST, Failure::PARAMS)),
        Some(name) if headers::decoded(headers, &NAME).as_deref() == Some(name) => Ok(()),
        Some(_) => mismatch("the header Mcp-Name is missing or differs from the name in the body"),
    }
}

fn discover(id: &str) -> bytes::Bytes {
    let rest = format!(
        r#""supportedVersions":{SUPPORTED},"capabilities":{{"tools":{{"listChanged":true}}}},"ttlMs":3600000,"cacheScope":"public"}}"#
    );
    write::result(id, &[Era::Modern.open(), rest.as_bytes()])
}

/// Opens a stream that begins with its acknowledgement. The tools never change, so only comments follow, unless a flag says otherwise.
fn listen(server: &Server, id: &str, tools: bool) -> Reply {
    let filter = if tools { r#"{"toolsListChanged":true}"# } else { "{}" };
    let first = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"notifications":{filter}}}}}"#
    );
    let again = server.flags.mcp_notify.filter(|_| tools).map(|span| (write::changed(Some(id)), span));
    let open = Open { first: Some(first.into()), keep_alive: server.flags.mcp_keep_alive, again };
    stream::open(open, None, server.counts.open_stream())
}
