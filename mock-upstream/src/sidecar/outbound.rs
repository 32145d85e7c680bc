//! The body of a request on its way to the upstream: passed on as it comes, at a rate, or when it is complete.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::span_at;

pub(crate) enum Outbound {
    Passed(Incoming),
    Paced(Box<Paced>),
    Held(Full<Bytes>),
}

/// A body of which no more than a number of bytes per second is passed on.
pub(crate) struct Paced {
    body: Incoming,
    bytes_per_second: usize,
    /// Bytes up to the end of the last frame.
    bytes: u64,
    begun: Instant,
    /// The last frame, until it may pass.
    frame: Option<Frame<Bytes>>,
    pause: Pin<Box<Sleep>>,
}

impl Outbound {
    /// Takes over the body of a request: at `rate` bytes per second, or all of it first if it is to be held.
    ///
    /// # Errors
    /// Returns the error of a client that does not send all of a body to be held.
    pub(crate) async fn new(body: Incoming, rate: Option<usize>, held: bool) -> hyper::Result<Self> {
        if held {
            return Ok(Self::Held(Full::new(body.collect().await?.to_bytes())));
        }
        let Some(bytes_per_second) = rate else { return Ok(Self::Passed(body)) };
        let begun = Instant::now();
        let pause = Box::pin(sleep_until(begun));
        Ok(Self::Paced(Box::new(Paced { body, bytes_per_second, bytes: 0, begun, frame: None, pause })))
    }
}

impl Paced {
    /// Returns what is left, with the frame that waits.
    fn size_hint(&self) -> SizeHint {
        let waiting = self.frame.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        let left = self.body.size_hint();
        let mut hint = SizeHint::default();
        hint.set_lower(left.lower() + waiting);
        if let Some(upper) = left.upper() {
            hint.set_upper(upper + waiting);
        }
        hint
    }

    /// Returns the next frame when the time of its last byte has come.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        if self.frame.is_none() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            self.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
            self.pause.as_mut().reset(self.begun + span_at(self.bytes, self.bytes_per_second));
            self.frame = Some(frame);
        }
        ready!(self.pause.as_mut().poll(cx));
        Poll::Ready(self.frame.take().map(Ok))
    }
}

impl Body for Outbound {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Passed(body) => Pin::new(body).poll_frame(cx),
            Self::Paced(body) => body.poll(cx),
            Self::Held(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Passed(body) => body.is_end_stream(),
            Self::Paced(paced) => paced.frame.is_none() && paced.body.is_end_stream(),
            Self::Held(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Passed(body) => body.size_hint(),
            Self::Paced(paced) => paced.size_hint(),
            Self::Held(body) => body.size_hint(),
        }
    }
}
