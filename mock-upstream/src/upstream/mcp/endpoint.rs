//! The MCP endpoint: what a request is, and which era answers it.

use hyper::header::{ALLOW, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode};
use std::sync::atomic::Ordering::Relaxed;

use super::counts::{DELETE, GET};
use super::headers::{self, VERSION, accepts};
use super::message::{Body, Malformed, Message};
use super::refusal::Refusal;
use super::revision::MODERN;
use super::server::Server;
use super::write::{self, Failure};
use super::{legacy, modern};
use crate::upstream::reply::{self, Reply};

const FOREIGN: Failure = Failure::new(-32_600, "the header Origin names another host");
const ACCEPT: Failure = Failure::new(-32_600, "the header Accept does not list application/json and text/event-stream");
const TYPE: Failure = Failure::new(-32_600, "the header Content-Type is not application/json");

/// Answers a request to the MCP endpoint.
pub(crate) fn serve(server: &Server, request: &Parts, body: &[u8]) -> Reply {
    let headers = &request.headers;
    if !headers::is_local(headers) {
        return refuse(server, None, &Refusal::new(StatusCode::FORBIDDEN, FOREIGN));
    }
    let answered = match request.method {
        Method::POST => return post(server, headers, body),
        Method::GET => {
            server.counts.record_method(GET);
            legacy::listen(server, headers)
        }
        Method::DELETE => {
            server.counts.record_method(DELETE);
            legacy::end(server, headers)
        }
        _ => Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Failure::METHOD)),
    };
    answered.unwrap_or_else(|refusal| refuse(server, None, &refusal))
}

fn post(server: &Server, headers: &HeaderMap, body: &[u8]) -> Reply {
    let refused = |status, failure| refuse(server, None, &Refusal::new(status, failure));
    if !accepts(headers, "application/json") || !accepts(headers, "text/event-stream") {
        return refused(StatusCode::NOT_ACCEPTABLE, ACCEPT);
    }
    if !headers::has_json(headers) {
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, TYPE);
    }
    let body = match Body::parse(body) {
        Ok(body) => body,
        Err(Malformed::Json) => return refused(StatusCode::BAD_REQUEST, Failure::PARSE),
        Err(Malformed::Message) => return refused(StatusCode::BAD_REQUEST, Failure::REQUEST),
    };
    let messages = match &body {
        Body::One(message) => std::slice::from_ref(message),
        Body::Batch(messages) => messages,
    };
    messages.iter().filter_map(Message::method).for_each(|method| server.counts.record_method(method));
    let answered = match &body {
        Body::One(message) if modern::is_modern(headers, message) => modern::post(server, headers, message),
        Body::Batch(_) if headers::text(headers, &VERSION) == Some(MODERN) => {
            Err(Refusal::new(StatusCode::BAD_REQUEST, Failure::BATCH))
        }
        body => legacy::post(server, headers, body),
    };
    let id = match &body {
        Body::One(Message::Request { id, .. }) => Some(*id),
        _ => None,
    };
    answered.unwrap_or_else(|refusal| refuse(server, id, &refusal))
}

fn refuse(server: &Server, id: Option<&str>, refusal: &Refusal) -> Reply {
    server.counts.refused.fetch_add(1, Relaxed);
    let mut reply = reply::json(refusal.status, write::error(id, &refusal.failure));
    if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, GET, DELETE"));
    }
    reply
}
