//! A socket whose frames are stamped as they pass.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::scanner::Scanner;
use super::stamps::Connection;
use crate::wire::Wire;
use harness_base::clock::Mono;

/// The length of the preface of a client (RFC 9113, section 3.4).
const PREFACE: usize = 24;

pub(super) struct Watched {
    socket: Wire,
    incoming: Scanner,
    outgoing: Scanner,
    connection: Arc<Connection>,
}

impl Watched {
    pub(super) fn new(socket: Wire, connection: Arc<Connection>) -> Self {
        Self { socket, incoming: Scanner::after(0), outgoing: Scanner::after(PREFACE), connection }
    }

    /// Stamps the first `length` bytes of `parts`, which were written at `at`.
    fn sent<'p>(&mut self, at: Mono, parts: impl Iterator<Item = &'p [u8]>, mut length: usize) {
        let outgoing = &mut self.outgoing;
        self.connection.sent(at, |seen| {
            for part in parts {
                let part = &part[..part.len().min(length)];
                length -= part.len();
                outgoing.scan(part, &mut *seen);
            }
        });
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut this.socket).poll_read(cx, buffer));
        let at = Mono::now();
        match buffer.filled().get(before..) {
            Some(bytes) if read.is_ok() && !bytes.is_empty() => {
                let arrived = this.socket.arrived();
                this.connection.received((at, arrived), |seen| this.incoming.scan(bytes, seen));
            }
            _ => this.connection.close(),
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let at = Mono::now();
        let length = ready!(Pin::new(&mut self.socket).poll_write(cx, bytes))?;
        self.sent(at, std::iter::once(bytes), length);
        Poll::Ready(Ok(length))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let at = Mono::now();
        let length = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, parts))?;
        self.sent(at, parts.iter().map(|part| &**part), length);
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
