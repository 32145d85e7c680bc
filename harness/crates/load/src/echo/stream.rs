//! What carries the messages of one user: a connection of TCP, or a stream of QUIC.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use quinn::{RecvStream, SendStream, VarInt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::Wire;
use harness_base::units::Nanos;

pub(super) enum Stream {
    /// Boxed, because it is larger than the other.
    Tcp(Box<Wire>),
    Quic(SendStream, RecvStream),
}

impl Stream {
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(wire) => Pin::new(&mut **wire).poll_write(cx, bytes),
            Self::Quic(send, _) => AsyncWrite::poll_write(Pin::new(send), cx, bytes),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(wire) => Pin::new(&mut **wire).poll_flush(cx),
            Self::Quic(send, _) => Pin::new(send).poll_flush(cx),
        }
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(wire) => Pin::new(&mut **wire).poll_read(cx, buffer),
            Self::Quic(_, receive) => AsyncRead::poll_read(Pin::new(receive), cx, buffer),
        }
    }

    /// Returns when the bytes of the last read arrived, by the wall clock; known for a sample of the reads of TCP.
    pub(super) fn arrived(&self) -> Option<Nanos> {
        match self {
            Self::Tcp(wire) => wire.arrived(),
            Self::Quic(..) => None,
        }
    }

    /// Ends it, whatever is under way on it.
    pub(super) fn end(self) {
        match self {
            Self::Tcp(wire) => wire.close(),
            Self::Quic(mut send, mut receive) => {
                // The connection may have ended.
                let _ = send.reset(VarInt::from_u32(0));
                let _ = receive.stop(VarInt::from_u32(0));
            }
        }
    }
}
