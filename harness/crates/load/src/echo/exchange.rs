//! Sends a message, and reads and checks its echo.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use super::stream::Stream;
use crate::arm_client::Completion;
use crate::deadline::Deadline;
use crate::link::Answer;
use crate::outcome::Outcome;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// An echo that was read to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Echoed {
    /// When its first byte was read.
    pub(super) first: Mono,
    pub(super) last: Mono,
    /// When its last byte arrived, by the wall clock; known for a sample.
    arrived: Option<Nanos>,
    /// The position of the first byte that differs from the message.
    wrong: Option<usize>,
}

/// Why there is no echo.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("no complete echo of the message in time: {read} of {of} bytes")]
    Timeout { read: usize, of: usize },
    #[error("the server ended the stream after {read} of {of} bytes of the echo")]
    Ended { read: usize, of: usize },
    #[error("the connection broke")]
    Broken(#[from] io::Error),
}

impl Failure {
    pub(super) const fn outcome(&self) -> Outcome {
        match self {
            Self::Timeout { .. } => Outcome::Timeout,
            Self::Ended { .. } | Self::Broken(_) => Outcome::Reset,
        }
    }
}

impl Echoed {
    /// Returns whether every byte is that of the message.
    pub(super) const fn is_ok(&self) -> bool {
        self.wrong.is_none()
    }

    /// Returns what was wrong; `None` if nothing was.
    pub(super) fn fault(&self) -> Option<String> {
        self.wrong.map(|at| format!("the echo differs from the message from byte {at} on"))
    }

    /// Returns it as the completion of a request.
    pub(super) fn completion(self, completion: Completion) -> Completion {
        let Self { first, last, arrived, .. } = self;
        let instants = Answer { headers: first, first_body: Some(first), last, continued: None, arrived, sent: None };
        let outcome = if self.is_ok() { Outcome::Ok } else { Outcome::WrongBody };
        Completion { message: self.fault(), ..completion.answered(instants, outcome) }
    }
}

/// Sends `message`, and reads as many bytes. Both happen at the same time, because neither side holds a large message as a whole.
pub(super) async fn exchange(
    stream: &mut Stream,
    message: &[u8],
    buffer: &mut Vec<u8>,
    deadline: &mut Deadline,
) -> Result<Echoed, Failure> {
    buffer.resize(CHUNK.min(message.len()), 0);
    let mut turn = Turn { stream, message, buffer, written: 0, is_flushed: false, read: 0, first: None, wrong: None };
    poll_fn(|cx| {
        let polled = turn.poll(cx);
        if polled.is_pending() && deadline.poll(cx).is_ready() {
            return Poll::Ready(Err(Failure::Timeout { read: turn.read, of: message.len() }));
        }
        polled
    })
    .await
}

/// Runs `work` until the deadline; `None` if that comes first.
pub(super) async fn within<T>(deadline: &mut Deadline, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => deadline.poll(cx).map(|()| None),
    })
    .await
}

/// A message on its way.
struct Turn<'t> {
    stream: &'t mut Stream,
    message: &'t [u8],
    buffer: &'t mut [u8],
    written: usize,
    is_flushed: bool,
    read: usize,
    first: Option<Mono>,
    wrong: Option<usize>,
}

impl Turn<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Echoed, Failure>> {
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            return Poll::Ready(Err(error.into()));
        }
        self.poll_receive(cx)
    }

    /// Writes what fits.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.message.len() {
            match self.stream.poll_write(cx, &self.message[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(length)) => self.written += length,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        if self.is_flushed {
            return Poll::Ready(Ok(()));
        }
        self.stream.poll_flush(cx).map_ok(|()| self.is_flushed = true)
    }

    /// Reads and compares what has arrived.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Echoed, Failure>> {
        loop {
            let left = self.message.len() - self.read;
            let room = left.min(self.buffer.len());
            let mut part = ReadBuf::new(&mut self.buffer[..room]);
            match self.stream.poll_read(cx, &mut part) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => return Poll::Pending,
            }
            let part = part.filled();
            if part.is_empty() {
                return Poll::Ready(Err(Failure::Ended { read: self.read, of: self.message.len() }));
            }
            let (now, length) = (Mono::now(), part.len());
            let expected = &self.message[self.read..self.read + length];
            if self.wrong.is_none() && part != expected {
                let at = part.iter().zip(expected).position(|(one, other)| one != other);
                self.wrong = at.map(|at| self.read + at);
            }
            self.read += length;
            let first = *self.first.get_or_insert(now);
            if self.read == self.message.len() {
                let arrived = self.stream.arrived();
                return Poll::Ready(Ok(Echoed { first, last: now, arrived, wrong: self.wrong }));
            }
        }
    }
}
