//! Routes: how a request is read and answered.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use tokio::sync::mpsc;

use super::behaviour::Sse;
use super::mcp;
use super::reply::{self, Reply};
use super::state::Upstream;
use crate::clock::{Sleeper, span_at};

/// The largest request body that is kept in memory.
const MAX_KEPT_BODY: usize = 64 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Mcp,
    Echo,
    Sink,
    Sse,
    Probe,
    Fixed,
}

/// The request's body.
#[derive(Debug)]
pub(crate) enum Input {
    Kept(Bytes),
    Counted { bytes: u64, chunks: u64 },
    TooLarge,
}

impl Route {
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/mcp" | "/mcp/v1" => Self::Mcp,
            "/echo" => Self::Echo,
            "/sink" => Self::Sink,
            "/sse" => Self::Sse,
            "/health" | "/ready" => Self::Probe,
            _ => Self::Fixed,
        }
    }

    /// Reads the whole body, so that the connection stays usable; keeps it only if the answer needs it.
    pub(crate) async fn read(self, body: Incoming, rate: Option<usize>) -> hyper::Result<Input> {
        match self {
            Self::Mcp | Self::Echo => keep(body).await,
            _ => count(body, rate).await,
        }
    }

    pub(crate) fn answer(self, upstream: &Upstream, request: &Parts, input: Input) -> Reply {
        match (self, input) {
            (_, Input::TooLarge) => reply::empty(StatusCode::PAYLOAD_TOO_LARGE),
            (Self::Mcp, Input::Kept(body)) => match &upstream.mcp {
                Some(server) => mcp::serve(server, request, &body),
                None => answer_mcp(upstream, &request.method, &body),
            },
            (Self::Echo, Input::Kept(body)) => {
                let given = request.headers.get(CONTENT_TYPE).cloned();
                reply::full(StatusCode::OK, given.unwrap_or(octets()), body)
            }
            (Self::Sink, Input::Counted { bytes, chunks }) => {
                let body = format!(r#"{{"bytes":{bytes},"chunks":{chunks}}}"#);
                reply::json(StatusCode::OK, body)
            }
            (Self::Sse, _) => answer_events(upstream.behaviour.sse),
            (Self::Probe, _) => reply::json(StatusCode::OK, r#"{"status":"ok"}"#),
            _ => reply::full(StatusCode::OK, octets(), upstream.body.clone()),
        }
    }
}

fn octets() -> HeaderValue {
    HeaderValue::from_static("application/octet-stream")
}

async fn keep(mut body: Incoming) -> hyper::Result<Input> {
    if body.is_end_stream() {
        return Ok(Input::Kept(Bytes::new()));
    }
    // A body that arrives in one frame, as nearly all do, is not copied.
    let first = data(&mut body).await.transpose()?.unwrap_or_default();
    if body.is_end_stream() {
        return Ok(Input::Kept(first));
    }
    let mut whole = BytesMut::from(first);
    while let Some(next) = data(&mut body).await.transpose()? {
        if whole.len() + next.len() > MAX_KEPT_BODY {
            return Ok(Input::TooLarge);
        }
        whole.extend_from_slice(&next);
    }
    Ok(Input::Kept(whole.freeze()))
}

/// Counts bytes and data frames, at no more than `rate` bytes per second. A chunk that arrives in several segments counts as several frames.
async fn count(mut body: Incoming, rate: Option<usize>) -> hyper::Result<Input> {
    let (mut bytes, mut chunks) = (0, 0);
    let (begun, mut sleeper) = (Instant::now(), Sleeper::default());
    while !body.is_end_stream() {
        let Some(next) = data(&mut body).await.transpose()? else {
            break;
        };
        bytes += next.len() as u64;
        chunks += 1;
        if let Some(rate) = rate {
            sleeper.sleep(span_at(bytes, rate).saturating_sub(begun.elapsed())).await;
        }
    }
    Ok(Input::Counted { bytes, chunks })
}

/// Returns the next data frame and skips trailers.
async fn data(body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
    loop {
        match body.frame().await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

fn answer_mcp(upstream: &Upstream, method: &Method, body: &[u8]) -> Reply {
    if method != Method::POST {
        let mut reply = reply::empty(StatusCode::METHOD_NOT_ALLOWED);
        let post = HeaderValue::from_static("POST");
        reply.headers_mut().insert(ALLOW, post);
        return reply;
    }
    match mcp::answer(body, &upstream.body) {
        mcp::Answer::Response(body) => reply::json(StatusCode::OK, body),
        mcp::Answer::Accepted => reply::empty(StatusCode::ACCEPTED),
        mcp::Answer::Refused(body) => reply::json(StatusCode::BAD_REQUEST, body),
    }
}

fn answer_events(sse: Sse) -> Reply {
    let (send, receive) = mpsc::channel(4);
    tokio::spawn(async move {
        let mut sleeper = Sleeper::default();
        let padding = "x".repeat(sse.size);
        for number in 0..sse.events {
            if number > 0 {
                sleeper.sleep(sse.interval).await;
            }
            let event = format!("id: {number}\ndata: {padding}\n\n");
            if send.send(event.into()).await.is_err() {
                return;
            }
        }
    });
    reply::stream(HeaderValue::from_static("text/event-stream"), receive)
}
