//! Opens the connection of a link: TCP, TLS on TCP, or a unix socket.

mod socket;
mod tls;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use self::socket::Socket;
use super::frames::ArmAddress;
use super::spec::Http2;
use harness_base::address::Address;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_base::unix;
pub(super) use tls::Negotiated;
pub use tls::TlsError;
pub(super) use tls::config as tls_config;

/// How an arm is reached. Clones share the configuration of TLS, and with it the sessions that can be resumed.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) address: Address,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// How HTTP/2 is spoken; absent for HTTP/1.1.
    pub(super) http2: Option<Http2>,
}

/// When a connection was opened, as far as that went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Opening {
    pub(super) began: Mono,
    /// The connection of TCP was established.
    pub(super) connected: Option<Mono>,
    /// A request could be written: with TLS, the handshake was complete.
    pub(super) ready: Option<Mono>,
    /// Whether the handshake resumed an earlier session; absent without TLS.
    pub(super) resumed: Option<bool>,
}

pub(super) enum Wire {
    Tcp(Socket),
    /// Boxed, because it is a hundred times as large as a socket.
    Tls(Box<TlsStream<Socket>>),
    Unix(UnixStream),
}

impl Route {
    pub(super) fn new(arm: &ArmAddress) -> Result<Self, TlsError> {
        let tls = arm.tls.as_ref().map(|tls| tls::prepare(tls, arm.http2.is_some())).transpose()?;
        Ok(Self { address: arm.address.clone(), tls, http2: arm.http2 })
    }

    /// Returns the way to a server of another protocol than HTTP, whose name is offered with TLS.
    pub(super) fn speaking(arm: &ArmAddress, protocol: &str) -> Result<Self, TlsError> {
        let tls = arm.tls.as_ref().map(|tls| tls::config(tls, protocol.as_bytes())).transpose()?;
        let tls = tls.map(|(config, name)| (TlsConnector::from(Arc::new(config)), name));
        Ok(Self { address: arm.address.clone(), tls, http2: None })
    }
}

impl Wire {
    /// Connects, and completes the handshake of TLS. Writes the instants into `opening`, also those before a failure.
    pub(super) async fn open(route: &Route, opening: &mut Opening) -> io::Result<Self> {
        *opening = Opening { began: Mono::now(), ..Opening::default() };
        let address = match &route.address {
            Address::Inet(address) => *address,
            Address::Unix(path) => {
                let stream = unix::connect(path).await?;
                opening.connected = Some(Mono::now());
                opening.ready = opening.connected;
                return Ok(Self::Unix(stream));
            }
        };
        let (socket, connected) = Socket::open(address).await?;
        opening.connected = Some(connected);
        let Some((connector, name)) = &route.tls else {
            opening.ready = opening.connected;
            return Ok(Self::Tcp(socket));
        };
        let is_http2 = route.http2.is_some();
        let failed = |error: io::Error| match tls::refused(&error).filter(|_| is_http2) {
            Some(refused) => io::Error::other(refused),
            None => io::Error::new(error.kind(), format!("the TLS handshake failed: {error}")),
        };
        let stream = connector.connect(name.clone(), socket).await.map_err(failed)?;
        opening.ready = Some(Mono::now());
        opening.resumed = Some(tls::is_resumed(stream.get_ref().1));
        if is_http2 {
            tls::agreed(stream.get_ref().1).map_err(io::Error::other)?;
        }
        Ok(Self::Tls(Box::new(stream)))
    }

    /// Closes the connection by a reset, which frees the port at once: the side that closes with a FIN would wait a minute in TIME_WAIT,
    /// and thousands of connections per second would use up all ports. With TLS, the `close_notify` goes before it.
    pub(super) fn close(self) {
        let socket = match self {
            Self::Tcp(socket) => socket,
            Self::Tls(stream) => {
                let (socket, mut session) = stream.into_inner();
                socket.try_write(&tls::end(&mut session));
                socket
            }
            // A unix socket has no port.
            Self::Unix(_) => return,
        };
        socket.reset();
    }

    /// Returns whether the peer has closed it or has sent bytes that belong to no answer. Costs no system call unless something arrived.
    pub(super) fn has_ended(&mut self) -> bool {
        match self {
            Self::Tcp(socket) => socket.has_changed(),
            Self::Unix(socket) => {
                let nothing_arrived = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
                !socket.try_read(&mut [0]).is_err_and(nothing_arrived)
            }
            // Reads the session tickets that arrive after a handshake.
            Self::Tls(stream) => {
                let mut context = Context::from_waker(Waker::noop());
                Pin::new(stream).poll_read(&mut context, &mut ReadBuf::new(&mut [0])).is_ready()
            }
        }
    }

    /// Returns when the bytes of the last read arrived, by the wall clock, if that read asked.
    pub(super) fn arrived(&self) -> Option<Nanos> {
        match self {
            Self::Tcp(socket) => socket.arrived(),
            Self::Tls(stream) => stream.get_ref().0.arrived(),
            Self::Unix(_) => None,
        }
    }

    /// Returns what was negotiated; `None` without TLS.
    pub(super) fn negotiated(&self) -> Option<Negotiated> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => None,
            Self::Tls(stream) => Some(tls::negotiated(stream.get_ref().1)),
        }
    }
}

impl AsyncRead for Wire {
    #[inline]
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Unix(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Unix(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(socket) => Pin::new(socket).poll_write_vectored(cx, parts),
            Self::Unix(socket) => Pin::new(socket).poll_write_vectored(cx, parts),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(socket) => socket.is_write_vectored(),
            Self::Unix(socket) => socket.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(socket) => Pin::new(socket).poll_flush(cx),
            Self::Unix(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests;
