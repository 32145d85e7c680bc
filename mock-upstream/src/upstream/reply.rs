//! Constructors of responses and their bodies.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc;

use super::stream::Stamped;

pub(crate) type Reply = Response<Either<Full<Bytes>, Stream>>;

/// A body whose data is produced while it is sent.
#[derive(Debug)]
pub(crate) enum Stream {
    Sent(mpsc::Receiver<Bytes>),
    Stamped(Box<Stamped>),
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Sent(data) => data.poll_recv(context).map(|data| data.map(|data| Ok(Frame::data(data)))),
            Self::Stamped(stream) => stream.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Sent(_) => false,
            Self::Stamped(stream) => stream.is_over(),
        }
    }
}

pub(crate) fn full(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Reply {
    let mut reply = Response::new(Either::Left(Full::new(body)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let json = HeaderValue::from_static("application/json");
    full(status, json, body.into())
}

pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Either::Left(Full::default()));
    *reply.status_mut() = status;
    reply
}

pub(crate) fn stream(content_type: HeaderValue, body: mpsc::Receiver<Bytes>) -> Reply {
    let mut reply = Response::new(Either::Right(Stream::Sent(body)));
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

/// Answers with a stream of events that are stamped.
pub(crate) fn stamped(stream: Stamped) -> Reply {
    let mut reply = Response::new(Either::Right(Stream::Stamped(Box::new(stream))));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}
