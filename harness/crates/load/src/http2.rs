//! A lane on HTTP/2: the streams of one user, one after the other, on a connection that it may share with others.
//!
//! The `h2` crate speaks the protocol in a task per connection. The instants are not those at which the user of a stream runs, but those at
//! which the bytes passed the socket: `sent` just before the write that carries the head of the request, the others after the read that
//! carries the last byte of the head, the first byte of the content, and the last byte. Frames that arrive in one read have the same instant.

mod body;
mod head;
mod link;
mod scanner;
mod stamps;
mod watched;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use http::header::{HeaderName, HeaderValue};

use self::link::Link;
use self::stamps::{Connection, Stream};
use super::deadline::Deadline;
use super::judge::{Expected, Judge};
use super::link::{Answer, Streamed};
use super::wire::{Negotiated, Opening, Route};
use crate::spec::Http2;
use harness_base::clock::Mono;

pub(super) use self::head::Head;
pub(super) use self::link::SharedLink;

/// The largest number of fields of a head, as on HTTP/1.1.
const MOST_FIELDS: usize = 100;

/// The part of a connection that one user has.
pub(super) struct Lane {
    link: Arc<Link>,
    sender: SendRequest<Bytes>,
}

/// A request to send.
#[derive(Clone, Copy)]
pub(super) struct Message<'m> {
    pub(super) head: &'m Head,
    pub(super) body: Content<'m>,
    pub(super) expected: &'m Expected,
}

/// The body of a request.
#[derive(Clone, Copy)]
pub(super) enum Content<'m> {
    Whole(&'m Bytes),
    /// Is made while it is sent; the head says its length, if that is present.
    Streamed(&'m Streamed, Option<u64>),
}

/// A request without an answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    /// Whether the server may have processed the request.
    pub(super) processed: bool,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    #[error("no complete answer within the timeout")]
    Timeout,
    #[error("closed without an answer")]
    Closed,
    #[error("answered as successful before the whole body was sent")]
    Early,
    #[error("closed within the answer")]
    ClosedInAnswer,
    #[error("the server reset the stream with {0:?}")]
    Reset(h2::Reason),
    #[error("the server ended the connection with GOAWAY ({0:?})")]
    GoAway(h2::Reason),
    #[error("the connection broke: {0}")]
    Io(io::Error),
    #[error("the answer is not HTTP/2: {0}")]
    Protocol(h2::Error),
    #[error("the head of the answer has {0} fields, more than {MOST_FIELDS}")]
    Fields(usize),
}

/// Parts of an answer that were received.
struct Received {
    content: bool,
    trailers: bool,
    /// When enough of the answer had been read to leave it.
    left: Option<Mono>,
}

/// A failure of a stream.
enum Fault {
    Http2(h2::Error),
    Fields(usize),
    Early,
}

impl From<h2::Error> for Fault {
    fn from(error: h2::Error) -> Self {
        Self::Http2(error)
    }
}

impl Lane {
    /// Takes a lane of the connection in `shared`. Returns it and whether the connection was opened for it.
    pub(super) async fn open(
        shared: &SharedLink,
        route: &Route,
        spec: Http2,
        opening: &mut Opening,
    ) -> io::Result<(Self, bool)> {
        let (link, is_new) = shared.get(route, spec, opening).await?;
        let sender = link.sender.clone();
        Ok((Self { link, sender }, is_new))
    }

    /// Returns whether it cannot carry another request.
    pub(super) fn is_ended(&self) -> bool {
        self.link.connection.is_ended()
    }

    /// Returns whether the peer ended the connection.
    pub(super) fn is_lost(&self) -> bool {
        self.link.connection.is_lost()
    }

    /// Returns what was negotiated.
    pub(super) fn negotiated(&self) -> &Negotiated {
        &self.link.negotiated
    }

    /// Gives the connection no more requests, of no user. Those under way continue.
    pub(super) fn retire(&self) {
        self.link.connection.retire();
    }

    /// Sends a request and reads the answer to its end.
    pub(super) async fn exchange(
        &mut self,
        message: Message<'_>,
        judge: &mut Judge,
        deadline: &mut Deadline,
    ) -> Result<Answer, Failure> {
        let (begun, mut number) = (Mono::now(), None);
        let done = {
            let mut exchange = pin!(exchange(&mut self.sender, message, judge, &mut number, &self.link.connection));
            let done = poll_fn(|cx| match exchange.as_mut().poll(cx) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending => deadline.poll(cx).map(|()| None),
            });
            done.await
            // A stream that has not ended is reset here with CANCEL.
        };
        let connection = &self.link.connection;
        let stamps = number.map(|number| connection.take(number)).unwrap_or_default();
        match done {
            Some(Ok(received)) => Ok(received.answer(&stamps)),
            Some(Err(fault)) => Err(self.failure(fault, number, &stamps)),
            None => {
                if connection.is_silent_since(stamps.sent.unwrap_or(begun)) {
                    self.retire();
                }
                Err(Failure { reason: Reason::Timeout, processed: stamps.sent.is_some() })
            }
        }
    }

    fn failure(&self, fault: Fault, number: Option<u32>, stamps: &Stream) -> Failure {
        let connection = &self.link.connection;
        let error = match fault {
            Fault::Early => return Failure { reason: Reason::Early, processed: true },
            Fault::Fields(fields) => return Failure { reason: Reason::Fields(fields), processed: true },
            Fault::Http2(error) => error,
        };
        let refused = error.is_reset() && error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        let above = connection.go_away().is_some_and(|away| number.is_none_or(|number| number > away.last_stream));
        let processed = stamps.sent.is_some() && !refused && !above;
        let reason = match (error.reason(), connection.go_away()) {
            (Some(reason), _) if error.is_reset() && error.is_remote() => Reason::Reset(reason),
            (Some(_), _) if error.is_library() => Reason::Protocol(error),
            (_, Some(away)) => Reason::GoAway(away.code.into()),
            _ if connection.is_closed() && stamps.heads[1].is_some() => Reason::ClosedInAnswer,
            _ if connection.is_closed() => Reason::Closed,
            _ if error.is_io() => Reason::Io(error.into_io().unwrap_or_else(|| io::ErrorKind::Other.into())),
            _ => Reason::Protocol(error),
        };
        Failure { reason, processed }
    }
}

impl Received {
    fn answer(&self, stamps: &Stream) -> Answer {
        let [before, latest] = stamps.heads;
        let last = self.left.or(stamps.last).or(latest).unwrap_or_else(Mono::now);
        let headers = if self.trailers { before } else { latest };
        let first_body = stamps.first_content.filter(|_| self.content);
        let (headers, continued) = (headers.unwrap_or(last), None);
        Answer { headers, first_body, last, continued, arrived: stamps.arrived, sent: stamps.sent }
    }
}

/// Sends a request on a stream, whose number it writes to `number`, and reads the answer.
async fn exchange(
    sender: &mut SendRequest<Bytes>,
    message: Message<'_>,
    judge: &mut Judge,
    number: &mut Option<u32>,
    connection: &Connection,
) -> Result<Received, Fault> {
    poll_fn(|cx| sender.poll_ready(cx)).await?;
    let whole = match message.body {
        Content::Whole(body) => body,
        Content::Streamed(body, length) => {
            let (response, stream) = sender.send_request(message.head.request(length), false)?;
            *number = Some(response.stream_id().as_u32());
            return stream_and_receive((stream, body), response, message.expected, judge, connection).await;
        }
    };
    let request: Request<()> = message.head.request(Some(whole.len() as u64));
    let (response, mut stream) = sender.send_request(request, whole.is_empty())?;
    *number = Some(response.stream_id().as_u32());
    if !whole.is_empty() {
        // If the stream has ended already, the answer says why.
        let _ = stream.send_data(whole.clone(), true);
    }
    receive(response, message.expected, judge, connection).await
}

/// Sends a body and reads the answer at the same time. A refusal may come before the end of the body.
async fn stream_and_receive(
    (stream, body): (SendStream<Bytes>, &Streamed),
    response: ResponseFuture,
    expected: &Expected,
    judge: &mut Judge,
    connection: &Connection,
) -> Result<Received, Fault> {
    let mut sending = pin!(body::send(stream, body));
    let mut is_sent = false;
    let received = {
        let mut receiving = pin!(receive(response, expected, judge, connection));
        let both = poll_fn(|cx| {
            // If the stream has ended already, the answer says why.
            is_sent = is_sent || sending.as_mut().poll(cx).is_ready();
            receiving.as_mut().poll(cx)
        });
        both.await?
    };
    if !is_sent && (200..300).contains(&judge.status()) { Err(Fault::Early) } else { Ok(received) }
}

/// Reads an answer to its end.
async fn receive(
    response: ResponseFuture,
    expected: &Expected,
    judge: &mut Judge,
    connection: &Connection,
) -> Result<Received, Fault> {
    let (head, mut content) = response.await?.into_parts();
    if head.headers.len() > MOST_FIELDS {
        return Err(Fault::Fields(head.headers.len()));
    }
    let has_field =
        |name: &HeaderName, value: &HeaderValue| head.headers.get_all(name).iter().any(|found| found == value);
    judge.head(expected, head.status.as_u16(), has_field);
    if expected.keeps() {
        let field = |name: &str| head.headers.get(name).map(HeaderValue::as_bytes);
        judge.keep_fields(field("content-type"), field("mcp-session-id"));
    }
    if let Some(name) = expected.watched_field() {
        judge.watch_field(head.headers.get(name).map(HeaderValue::as_bytes));
    }
    let mut received = Received { content: false, trailers: false, left: None };
    while let Some(part) = content.data().await {
        let part = part?;
        content.flow_control().release_capacity(part.len())?;
        received.content |= !part.is_empty();
        judge.chunk(expected, &part, || connection.last_read());
        if !content.is_end_stream() && judge.leaves(expected) {
            // The stream is reset here with CANCEL.
            received.left = Some(connection.last_read());
            return Ok(received);
        }
    }
    received.trailers = content.trailers().await?.is_some();
    Ok(received)
}

#[cfg(test)]
mod tests;
