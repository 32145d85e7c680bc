//! One HTTP/1.1 connection, driven by the task of its user.
//!
//! hyper splits a connection into a sender and a future that does the I/O, which is usually spawned as a separate task. Here, the
//! user's task polls both, so a request costs one wake-up instead of three. The two halves use channels. This file always polls
//! the I/O before it polls the channels, so it polls them with a waker that does nothing.

mod quiet_waker;
mod wire;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, Response};
use tokio::net::TcpStream;

use self::quiet_waker::QuietWaker;
use self::wire::Wire;
use super::deadline::Deadline;
use super::judge::{Expected, Judge};
use harness_base::clock::Mono;

pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: http1::Connection<Wire, Full<Bytes>>,
    written: Arc<AtomicU64>,
    waker: QuietWaker,
    ended: bool,
}

/// The instants at which the parts of an answer arrived.
pub(super) struct Answer {
    pub(super) headers: Mono,
    /// Absent without a body.
    pub(super) first_body: Option<Mono>,
    pub(super) last: Mono,
    /// The answer's header map, which the next request can reuse.
    pub(super) spare: HeaderMap,
}

/// Why there is no answer. The connection cannot be used afterwards.
#[derive(Debug)]
pub(super) enum Failure {
    /// The peer had closed the connection before the request was written.
    Stale,
    /// The connection broke, or the answer is not HTTP.
    Broken(String),
    Timeout,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let written = Arc::new(AtomicU64::new(0));
        let wire = Wire::new(stream, Arc::clone(&written));
        let (sender, driver) = http1::handshake(wire).await.map_err(io::Error::other)?;
        Ok(Self { sender, driver, written, waker: QuietWaker::default(), ended: false })
    }

    /// Returns the number of bytes written so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Returns whether the peer is known to have closed the connection.
    pub(super) fn is_ended(&self) -> bool {
        self.ended || self.sender.is_closed()
    }

    /// Sends `request` and reads the answer to its end.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        expected: &Expected,
        judge: &mut Judge,
        deadline: &mut Deadline,
    ) -> Result<Answer, Failure> {
        let before = self.written();
        if !self.sender.is_ready() {
            self.ready(deadline).await?;
        }
        match self.head(request, deadline).await {
            Ok((response, at)) => self.body(response, at, expected, judge, deadline).await,
            Err(Failure::Broken(_)) if self.written() == before => Err(Failure::Stale),
            Err(failure) => Err(failure),
        }
    }

    /// Drives the connection until it accepts a request; usually it does already.
    async fn ready(&mut self, deadline: &mut Deadline) -> Result<(), Failure> {
        std::future::poll_fn(|cx| {
            self.drive(cx);
            match self.sender.poll_ready(&mut quiet()) {
                Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
                Poll::Ready(Err(_)) => Poll::Ready(Err(Failure::Stale)),
                Poll::Pending if self.ended => Poll::Ready(Err(Failure::Stale)),
                Poll::Pending => deadline.poll(cx).map(|()| Err(Failure::Timeout)),
            }
        })
        .await
    }

    async fn head(
        &mut self,
        request: Request<Full<Bytes>>,
        deadline: &mut Deadline,
    ) -> Result<(Response<Incoming>, Mono), Failure> {
        let mut answer = pin!(quiet_waker::quietly(|| self.sender.try_send_request(request)));
        let (driver, waker, ended) = (&mut self.driver, &mut self.waker, &mut self.ended);
        std::future::poll_fn(|cx| {
            let error = drive(driver, waker, ended, cx);
            match answer.as_mut().poll(&mut quiet()) {
                Poll::Ready(Ok(response)) => Poll::Ready(Ok((response, Mono::now()))),
                Poll::Ready(Err(error)) => Poll::Ready(Err(Failure::Broken(describe(&error.into_error())))),
                Poll::Pending if *ended => {
                    let message = error.unwrap_or_else(|| "closed without an answer".to_owned());
                    Poll::Ready(Err(Failure::Broken(message)))
                }
                Poll::Pending => deadline.poll(cx).map(|()| Err(Failure::Timeout)),
            }
        })
        .await
    }

    async fn body(
        &mut self,
        response: Response<Incoming>,
        headers: Mono,
        expected: &Expected,
        judge: &mut Judge,
        deadline: &mut Deadline,
    ) -> Result<Answer, Failure> {
        let (parts, mut body) = response.into_parts();
        judge.head(expected, parts.status, &parts.headers);
        let mut answer = Answer { headers, first_body: None, last: headers, spare: parts.headers };
        // Bytes that arrived together share a timestamp.
        let mut driven = false;
        std::future::poll_fn(|cx| {
            loop {
                if body.is_end_stream() {
                    return Poll::Ready(Ok(()));
                }
                match Pin::new(&mut body).poll_frame(&mut quiet()) {
                    Poll::Ready(Some(Ok(frame))) => {
                        if std::mem::take(&mut driven) {
                            answer.last = Mono::now();
                        }
                        if let Some(data) = frame.data_ref() {
                            answer.first_body.get_or_insert(answer.last);
                            judge.chunk(expected, data);
                        }
                    }
                    Poll::Ready(None) => {
                        if driven {
                            answer.last = Mono::now();
                        }
                        return Poll::Ready(Ok(()));
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(Failure::Broken(describe(&error)))),
                    Poll::Pending if driven && self.ended => {
                        return Poll::Ready(Err(Failure::Broken("closed within the body".to_owned())));
                    }
                    Poll::Pending if driven => {
                        driven = false;
                        return deadline.poll(cx).map(|()| Err(Failure::Timeout));
                    }
                    Poll::Pending => {
                        self.drive(cx);
                        driven = true;
                    }
                }
            }
        })
        .await?;
        Ok(answer)
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, &mut self.waker, &mut self.ended, cx);
    }
}

/// Does the I/O that is possible now. Returns the error if that ended the connection.
fn drive(
    driver: &mut http1::Connection<Wire, Full<Bytes>>,
    waker: &mut QuietWaker,
    ended: &mut bool,
    cx: &mut Context<'_>,
) -> Option<String> {
    if *ended {
        return None;
    }
    match Pin::new(driver).poll(&mut Context::from_waker(waker.of(cx.waker()))) {
        Poll::Pending => None,
        Poll::Ready(result) => {
            *ended = true;
            result.err().map(|error| describe(&error))
        }
    }
}

fn quiet() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// Returns hyper's message with its cause, which hyper omits.
fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
