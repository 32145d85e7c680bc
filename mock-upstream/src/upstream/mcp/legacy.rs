//! The era with sessions: the revisions 2025-03-26, 2025-06-18 and 2025-11-25.

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, StatusCode};

use super::call::{Called, call};
use super::headers::{self, SESSION, VERSION, accepts};
use super::message::{Body, Message, Params};
use super::refusal::Refusal;
use super::revision::{Legacy, MODERN};
use super::server::Server;
use super::stream::{self, Open};
use super::write::{self, Era, Failure, SERVER};
use crate::upstream::reply::{self, Reply};

const NO_SESSION: Failure = Failure::new(-32_600, "the header Mcp-Session-Id is missing");
const GONE: Failure = Failure::new(-32_600, "there is no such session");
const FULL: Failure = Failure::new(-32_603, "too many sessions are open");
const NO_STREAM: Failure = Failure::new(-32_600, "the header Accept does not list text/event-stream");
const FIRST_IN_BATCH: Failure = Failure::new(-32_600, "initialize cannot be part of a batch");

/// Answers a POST request.
///
/// # Errors
/// Returns [`Refusal`] if it has no session, or if the revision of its session does not have such a message.
pub(super) fn post(server: &Server, headers: &HeaderMap, body: &Body<'_>) -> Result<Reply, Refusal> {
    if let Body::One(Message::Request { id, method, params }) = body
        && method == "initialize"
    {
        return initialize(server, id, params);
    }
    let (_, revision) = session(server, headers)?;
    match body {
        Body::One(Message::Request { id, method, params }) => match answer(server, id, method, params) {
            Called::Message(text) => Ok(reply::json(StatusCode::OK, text)),
            Called::Events(messages) => Ok(stream::answer(messages, server.flags.mcp_progress_every)),
            Called::Gone => Err(Refusal::new(StatusCode::NOT_FOUND, GONE)),
        },
        Body::One(_) => Ok(reply::empty(StatusCode::ACCEPTED)),
        Body::Batch(messages) if revision.has_batches() => batch(server, messages),
        Body::Batch(_) => Err(Refusal::new(StatusCode::BAD_REQUEST, Failure::BATCH)),
    }
}

/// Opens the stream of a GET request, on which this server sends comments, and notifications if a flag says so.
///
/// # Errors
/// Returns [`Refusal`] if it has no session or accepts no event stream.
pub(super) fn listen(server: &Server, headers: &HeaderMap) -> Result<Reply, Refusal> {
    let (id, _) = session(server, headers)?;
    if !accepts(headers, "text/event-stream") {
        return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, NO_STREAM));
    }
    let ended = server.sessions.listen(id).ok_or(Refusal::new(StatusCode::NOT_FOUND, GONE))?;
    let again = server.flags.mcp_notify.map(|span| (write::changed(None), span));
    let open = Open { first: None, keep_alive: server.flags.mcp_keep_alive, again };
    Ok(stream::open(open, Some(ended), server.counts.open_stream()))
}

/// Ends the session of a DELETE request.
///
/// # Errors
/// Returns [`Refusal`] if it has no session.
pub(super) fn end(server: &Server, headers: &HeaderMap) -> Result<Reply, Refusal> {
    let (id, _) = session(server, headers)?;
    match server.sessions.end(id) {
        true => Ok(reply::empty(StatusCode::NO_CONTENT)),
        false => Err(Refusal::new(StatusCode::NOT_FOUND, GONE)),
    }
}

/// Returns the session of a request and what it has agreed on.
fn session<'h>(server: &Server, headers: &'h HeaderMap) -> Result<(&'h str, Legacy), Refusal> {
    if let Some(version) = headers::text(headers, &VERSION)
        && Legacy::named(version).is_none()
    {
        return Err(match version {
            // A client of the modern era has no session, and its GET and DELETE are refused.
            MODERN => Refusal::new(StatusCode::METHOD_NOT_ALLOWED, NO_SESSION),
            _ => Refusal::revision(version),
        });
    }
    let id = headers::text(headers, &SESSION).ok_or(Refusal::new(StatusCode::BAD_REQUEST, NO_SESSION))?;
    let revision = server.sessions.touch(id).ok_or(Refusal::new(StatusCode::NOT_FOUND, GONE))?;
    Ok((id, revision))
}

fn initialize(server: &Server, id: &str, params: &Params<'_>) -> Result<Reply, Refusal> {
    let Some(revision) = agreed(params) else {
        return Ok(reply::json(StatusCode::OK, write::error(Some(id), &Failure::PARAMS)));
    };
    let mut reply = reply::json(StatusCode::OK, welcome(id, revision, server.flags.mcp_notify.is_some()));
    if server.faults.of_initialize() {
        return Ok(reply);
    }
    let session = server.sessions.open(revision).ok_or(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, FULL))?;
    if let Ok(session) = HeaderValue::try_from(session) {
        reply.headers_mut().insert(SESSION, session);
    }
    Ok(reply)
}

/// Returns the revision that the parameters of `initialize` lead to; `None` if they name none.
pub(super) fn agreed(params: &Params<'_>) -> Option<Legacy> {
    params.read.protocol_version.as_deref().filter(|_| params.valid).map(Legacy::negotiated)
}

/// Writes the answer to `initialize`, which announces changes of the tools if they are `notified`.
pub(super) fn welcome(id: &str, revision: Legacy, notified: bool) -> Bytes {
    let name = revision.name();
    let changes = if notified { r#""listChanged":true"# } else { "" };
    let value =
        format!(r#"{{"protocolVersion":"{name}","capabilities":{{"tools":{{{changes}}}}},"serverInfo":{SERVER}}}"#);
    write::result(id, &[value.as_bytes()])
}

/// Answers a request of a session.
pub(super) fn answer(server: &Server, id: &str, method: &str, params: &Params<'_>) -> Called {
    let failed = |failure| Called::Message(write::error(Some(id), failure));
    match method {
        "tools/call" => call(server, Era::Legacy, id, params),
        "tools/list" if !params.valid => failed(&Failure::PARAMS),
        "tools/list" => match server.tools.list(Era::Legacy, id, params.read.cursor.as_deref()) {
            Some(page) => Called::Message(page),
            None => failed(&Failure::CURSOR),
        },
        "ping" => Called::Message(write::result(id, &[b"{}"])),
        _ => failed(&Failure::METHOD),
    }
}

/// Answers a batch with a batch, or with an event stream if one of its calls is answered with one.
fn batch(server: &Server, messages: &[Message<'_>]) -> Result<Reply, Refusal> {
    if messages.iter().any(|message| message.method() == Some("initialize")) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, FIRST_IN_BATCH));
    }
    let (mut answers, mut streamed): (Vec<Bytes>, bool) = (Vec::new(), false);
    for message in messages {
        let Message::Request { id, method, params } = message else { continue };
        match answer(server, id, method, params) {
            Called::Message(text) => answers.push(text),
            Called::Events(events) => {
                streamed = true;
                answers.extend(events);
            }
            Called::Gone => return Err(Refusal::new(StatusCode::NOT_FOUND, GONE)),
        }
    }
    Ok(match (answers.is_empty(), streamed) {
        (true, _) => reply::empty(StatusCode::ACCEPTED),
        (false, true) => stream::answer(answers, server.flags.mcp_progress_every),
        (false, false) => reply::json(StatusCode::OK, write::batch(&answers)),
    })
}
