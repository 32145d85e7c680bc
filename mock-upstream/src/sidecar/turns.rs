//! An intentional defect: one writer for all clients, so that a client that does not read blocks all others.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::server::Socket;

/// The lock that writes need; `None` without the defect.
#[derive(Debug)]
pub(crate) struct Turns(Option<Arc<Semaphore>>);

type Coming = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// A client's connection whose writes acquire the lock, and hold it until the kernel has accepted the data.
pub(crate) struct InTurn {
    stream: Socket,
    turns: Option<Arc<Semaphore>>,
    coming: Option<Coming>,
    turn: Option<OwnedSemaphorePermit>,
}

impl Turns {
    pub(crate) fn new(one_writer: bool) -> Self {
        Self(one_writer.then(|| Arc::new(Semaphore::new(1))))
    }

    pub(crate) fn of(&self, stream: Socket) -> InTurn {
        InTurn { stream, turns: self.0.clone(), coming: None, turn: None }
    }
}

impl InTurn {
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut Socket>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Some(turns) = self.turns.as_ref().filter(|_| self.turn.is_none()) {
            let coming = self.coming.get_or_insert_with(|| Box::pin(Arc::clone(turns).acquire_owned()));
            // The semaphore is never closed.
            self.turn = ready!(coming.as_mut().poll(cx)).ok();
            self.coming = None;
        }
        let written = ready!(write(Pin::new(&mut self.stream), cx));
        self.turn = None;
        Poll::Ready(written)
    }
}

impl AsyncRead for InTurn {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for InTurn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
