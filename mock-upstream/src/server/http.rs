//! HTTP on an accepted connection: which version the client speaks, and serving it until it ends.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use nix::sys::socket::{MsgFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

use super::socket::Socket;
use crate::tls::{self, Acceptor};

/// Changes when the program stops.
pub(crate) type Stop = watch::Receiver<()>;

/// Requests in flight have this long to finish after the stop signal, unless a flag says otherwise.
pub(crate) const GRACE: Duration = Duration::from_millis(300);

/// The bytes with which a client begins an HTTP/2 connection. They are no request of HTTP/1.1.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Streams of one connection, more than any client has in flight.
const STREAMS: u32 = 1 << 16;

/// A stream of bytes of any kind. HTTP/2 has one type for all of them, which keeps the program small.
pub(crate) type Wire = Box<dyn Duplex>;

/// The stream of bytes that HTTP is spoken on.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<I: AsyncRead + AsyncWrite + Unpin + Send> Duplex for I {}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

impl Version {
    /// Returns what the client of a connection without TLS speaks, by its first bytes, which stay unread. Waits until it has sent them.
    pub(crate) async fn of(socket: &Socket) -> Self {
        loop {
            // A socket that has failed is left to HTTP/1.1, which reports it.
            let Ok(ready) = socket.ready(Interest::READABLE).await else { return Self::Http1 };
            match socket.try_io(Interest::READABLE, || peek(socket, ready.is_read_closed())) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                peeked => return peeked.unwrap_or(Self::Http1),
            }
        }
    }

    /// Returns what the handshake has agreed on (ALPN).
    pub(crate) fn agreed<I>(stream: &TlsStream<I>) -> Self {
        match stream.get_ref().1.alpn_protocol() {
            Some(tls::HTTP2) => Self::Http2,
            _ => Self::Http1,
        }
    }
}

/// Compares the first bytes of a connection with the preface. Fails with `WouldBlock` while they are too few to decide and more can come.
fn peek(socket: &Socket, complete: bool) -> io::Result<Version> {
    let mut first = [0; PREFACE.len()];
    let length = recv(socket.as_raw_fd(), &mut first, MsgFlags::MSG_PEEK)?;
    match &first[..length] {
        PREFACE => Ok(Version::Http2),
        part if PREFACE.starts_with(part) && !complete => Err(ErrorKind::WouldBlock.into()),
        _ => Ok(Version::Http1),
    }
}

/// Accepts TLS on a connection. Returns `None` at the stop signal, and if the handshake fails; the client receives an alert with the reason.
pub(crate) async fn accept_tls<I>(tls: &Acceptor, stream: I, stop: &mut Stop) -> Option<TlsStream<I>>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    tokio::select! {
        accepted = tls.accept(stream) => accepted.ok(),
        _ = stop.changed() => None,
    }
}

/// Serves HTTP/2 on a connection; `executor` spawns its streams.
pub(crate) fn http2<S, B, E>(stream: Wire, executor: E, service: S) -> http2::Connection<TokioIo<Wire>, S, E>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Http2ServerConnExec<S::Future, B>,
{
    http2::Builder::new(executor)
        .max_concurrent_streams(STREAMS)
        // A client may give up many requests at once, for example after a freeze.
        .max_pending_accept_reset_streams(STREAMS as usize)
        .serve_connection(TokioIo::new(stream), service)
}

/// A connection that is being served.
pub(crate) trait Served: Future<Output = hyper::Result<()>> + Unpin {
    /// Accepts no further request. The connection ends after the requests in flight.
    fn finish(&mut self);
}

impl<S, B, I> Served for http1::Connection<TokioIo<I>, S>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    Self: Unpin,
{
    fn finish(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

impl<S, B, I, E> Served for http2::Connection<TokioIo<I>, S, E>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    E: Http2ServerConnExec<S::Future, B>,
    Self: Unpin,
{
    /// Sends GOAWAY to the client.
    fn finish(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) enum Driven {
    Ended(hyper::Result<()>),
    /// It was closed at the end of the grace period, with requests in flight.
    Cut,
}

/// Serves one connection until it ends, or until the grace period after the stop signal is over.
pub(crate) async fn drive(connection: &mut impl Served, stop: &mut Stop, grace: Duration) -> Driven {
    tokio::select! {
        ended = &mut *connection => return Driven::Ended(ended),
        _ = stop.changed() => {}
    }
    connection.finish();
    tokio::time::timeout(grace, connection).await.map_or(Driven::Cut, Driven::Ended)
}
