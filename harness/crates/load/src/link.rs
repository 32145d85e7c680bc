//! A link: one connection to the target or the upstream, which carries HTTP/1.1, one request after the other.
//!
//! The task of the user drives it. In the common case a request costs one write, one wake-up and one read: bytes are parsed in the
//! buffer of the read, which all links of a thread share, and only the beginning of an incomplete head is copied.

mod body;
mod head;
mod listen;
mod streamed;
mod write;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use self::body::Body;
pub(super) use self::listen::{ListenError, Listening};
pub(super) use self::streamed::Streamed;
use super::deadline::Deadline;
use super::judge::{Expected, Judge};
use super::wire::{Negotiated, Opening, Route, Wire};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The size of the buffer of a thread: what one read can return.
const BUFFER: usize = 64 << 10;

thread_local! {
    static RECEIVED: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER].into_boxed_slice());
}

pub(super) struct Link {
    wire: Wire,
    /// Whether it cannot carry another request.
    ended: bool,
}

/// A request to send.
#[derive(Clone, Copy)]
pub(super) struct Message<'m> {
    /// Its head, and its body unless that is streamed.
    pub(super) text: &'m [u8],
    /// A body that follows the text.
    pub(super) body: Option<&'m Streamed>,
    /// Whether its method is HEAD, so that the answer has no body.
    pub(super) is_head: bool,
    pub(super) expected: &'m Expected,
}

/// The instants at which the parts of an answer arrived. Bytes that were read at once have the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) headers: Mono,
    /// Absent without a body.
    pub(super) first_body: Option<Mono>,
    pub(super) last: Mono,
    /// When the interim answer 100 was read, if the body of the request has waited for it.
    pub(super) continued: Option<Mono>,
    /// When the kernel received the last byte, by the wall clock; known for a sample of the answers.
    pub(super) arrived: Option<Nanos>,
    /// Just before its request was written; absent if that is the instant at which the user sent it.
    pub(super) sent: Option<Mono>,
}

/// A request without an answer. The link cannot be used afterwards.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    /// Whether at least one byte of the request was written.
    pub(super) written: bool,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    #[error("no complete answer within the timeout")]
    Timeout,
    #[error("closed without an answer")]
    Closed,
    #[error("closed within the head of the answer")]
    ClosedInHead,
    #[error("answered as successful before the whole body was sent")]
    Early,
    #[error("closed within the body of the answer")]
    ClosedInBody,
    #[error("the connection broke: {0}")]
    Io(io::Error),
    #[error(transparent)]
    Head(#[from] head::HeadError),
    #[error(transparent)]
    Body(#[from] body::BodyError),
}

/// A request that is under way.
struct Exchange<'e> {
    message: Message<'e>,
    judge: &'e mut Judge,
    /// When the request counts as sent.
    sent: Option<Mono>,
    /// How many bytes of the request were written.
    written: usize,
    /// Whether what was written has left this process.
    flushed: bool,
    /// Whether the peer waits for the body, or has waited long enough.
    continued: bool,
    /// When the interim answer 100 was read, if the body has waited for it.
    continued_at: Option<Mono>,
    /// A streamed body continues after it.
    pause: Option<Pin<Box<Sleep>>>,
    /// The error of a write. The answer may have been sent before it.
    broken: Option<io::Error>,
    /// The beginning of a head whose end has not arrived.
    partial: Vec<u8>,
    /// Present from the end of the head.
    answer: Option<(Answer, Body)>,
    keep_alive: bool,
}

impl Link {
    pub(super) async fn open(route: &Route, opening: &mut Opening) -> io::Result<Self> {
        Ok(Self { wire: Wire::open(route, opening).await?, ended: false })
    }

    /// Closes the connection; see [`Wire::close`].
    pub(super) fn close(self) {
        self.wire.close();
    }

    /// Returns whether it cannot carry another request.
    pub(super) fn is_ended(&mut self) -> bool {
        self.ended = self.ended || self.wire.has_ended();
        self.ended
    }

    /// Returns what TLS has negotiated; `None` without TLS.
    pub(super) fn negotiated(&self) -> Option<Negotiated> {
        self.wire.negotiated()
    }

    /// Sends a request and reads the answer to its end. It counts as sent at `sent`, or else just before its first write.
    pub(super) async fn exchange(
        &mut self,
        message: Message<'_>,
        judge: &mut Judge,
        deadline: &mut Deadline,
        sent: Option<Mono>,
    ) -> Result<Answer, Failure> {
        let mut exchange = Exchange { sent, ..Exchange::new(message, judge) };
        let done = poll_fn(|cx| exchange.poll(&mut self.wire, deadline, cx)).await;
        self.ended = done.is_err() || !exchange.keep_alive || !exchange.is_sent();
        match done {
            Ok(answer) => Ok(Answer { arrived: self.wire.arrived(), ..answer }),
            Err(reason) => Err(Failure { reason, written: exchange.written > 0 }),
        }
    }
}

impl<'e> Exchange<'e> {
    fn new(message: Message<'e>, judge: &'e mut Judge) -> Self {
        Self {
            message,
            judge,
            sent: None,
            written: 0,
            flushed: false,
            continued: false,
            continued_at: None,
            pause: None,
            broken: None,
            partial: Vec::new(),
            answer: None,
            keep_alive: false,
        }
    }

    fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut S,
        deadline: &mut Deadline,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Reason>> {
        self.write(socket, cx);
        if self.written == 0
            && let Some(error) = self.broken.take()
        {
            return Poll::Ready(Err(Reason::Io(error)));
        }
        RECEIVED.with_borrow_mut(|buffer| {
            loop {
                let mut buffer = ReadBuf::new(buffer);
                let Poll::Ready(read) = Pin::new(&mut *socket).poll_read(cx, &mut buffer) else {
                    return deadline.poll(cx).map(|()| Err(Reason::Timeout));
                };
                let at = Mono::now();
                match read.map(|()| buffer.filled()) {
                    Ok([]) => return Poll::Ready(self.closed(at)),
                    Ok(bytes) => match self.received(bytes, at) {
                        Ok(None) if deadline.has_passed(at) => return Poll::Ready(Err(Reason::Timeout)),
                        // An interim answer may be what a body waits for.
                        Ok(None) if self.message.body.is_some() => self.write(socket, cx),
                        Ok(None) => {}
                        Ok(Some(_)) if self.is_early() => return Poll::Ready(Err(Reason::Early)),
                        Ok(Some(answer)) => return Poll::Ready(Ok(answer)),
                        Err(reason) => return Poll::Ready(Err(reason)),
                    },
                    Err(error) => return Poll::Ready(Err(Reason::Io(self.broken.take().unwrap_or(error)))),
                }
            }
        })
    }

    /// Reads what was received. Returns the answer if that was the end of it.
    fn received(&mut self, bytes: &[u8], at: Mono) -> Result<Option<Answer>, Reason> {
        if self.answer.is_some() {
            return Ok(self.content(bytes, at)?);
        }
        if self.partial.is_empty() {
            return self.heads(bytes, at);
        }
        // The end of the head is searched for first, so that a head of single bytes is not parsed again with each of them.
        let from = self.partial.len().saturating_sub(2);
        let mut partial = std::mem::take(&mut self.partial);
        partial.extend_from_slice(bytes);
        if head::has_end(&partial, from) || partial.len() > head::LONGEST {
            return self.heads(&partial, at);
        }
        self.partial = partial;
        Ok(None)
    }

    /// Reads informational heads, then the head of the answer, then what follows.
    fn heads(&mut self, mut bytes: &[u8], at: Mono) -> Result<Option<Answer>, Reason> {
        while !bytes.is_empty() {
            let (judge, expected) = (&mut *self.judge, self.message.expected);
            let mut continues = false;
            let read = head::read(bytes, self.message.is_head, |head| {
                continues = head.status == 100;
                // A switch of protocols ends what this link can read.
                let is_final = head.status == 101 || !matches!(head.status, 100..=199);
                if is_final {
                    judge.head(expected, head.status, |name, value| head.has(name.as_str(), value.as_bytes()));
                    if let Some(name) = expected.watched_field() {
                        judge.watch_field(head.first(name.as_str()));
                    }
                    if expected.keeps() {
                        judge.keep_fields(head.first("content-type"), head.first("mcp-session-id"));
                    }
                }
                (is_final, head.length, head.framing, head.keep_alive && head.status != 101)
            })?;
            let Some((is_final, length, framing, keep_alive)) = read else {
                self.partial.extend_from_slice(bytes);
                return Ok(None);
            };
            bytes = &bytes[length..];
            if continues && !self.continued && self.message.body.is_some_and(|body| body.awaits_continue) {
                self.continued_at = Some(at);
            }
            self.continued |= continues;
            if is_final {
                self.keep_alive = keep_alive;
                self.answer = Some((
                    Answer {
                        headers: at,
                        first_body: None,
                        last: at,
                        continued: self.continued_at,
                        arrived: None,
                        sent: self.sent,
                    },
                    Body::new(framing),
                ));
                return Ok(self.content(bytes, at)?);
            }
        }
        Ok(None)
    }

    fn content(&mut self, mut bytes: &[u8], at: Mono) -> Result<Option<Answer>, body::BodyError> {
        let Some((answer, body)) = &mut self.answer else { return Ok(None) };
        while !body.is_complete() && !bytes.is_empty() {
            let part = body.take(&mut bytes)?;
            if !part.is_empty() {
                answer.first_body.get_or_insert(at);
                self.judge.chunk(self.message.expected, part, || at);
            }
        }
        answer.last = at;
        let leaves = !body.is_complete() && self.judge.leaves(self.message.expected);
        // Bytes after the end belong to no answer.
        self.keep_alive &= bytes.is_empty() && !leaves;
        Ok((body.is_complete() || leaves).then_some(*answer))
    }

    /// Handles the end of the connection, which is also the end of some bodies.
    fn closed(&mut self, at: Mono) -> Result<Answer, Reason> {
        self.keep_alive = false;
        match (&mut self.answer, self.partial.is_empty()) {
            (Some((answer, Body::Close)), _) => {
                answer.last = at;
                Ok(*answer)
            }
            (Some(_), _) => Err(Reason::ClosedInBody),
            (None, false) => Err(Reason::ClosedInHead),
            (None, true) => Err(self.broken.take().map_or(Reason::Closed, Reason::Io)),
        }
    }
}

#[cfg(test)]
mod tests;
