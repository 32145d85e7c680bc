//! A connection that carries HTTP/2, for one user or for several.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use h2::client::{self, SendRequest};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::stamps::{Connection, Greeting};
use super::watched::Watched;
use crate::spec::Http2;
use crate::wire::{Negotiated, Opening, Route, Wire};

/// The longest head that is read, in bytes, as on HTTP/1.1.
const LONGEST_HEAD: u32 = 64 << 10;

/// How many bytes small DATA frames may take beyond their content until the user of their stream has read them.
const FRAME_OVERHEAD: usize = 4 << 20;

/// How many streams that were given up are remembered, so that what still arrives for them is ignored.
const REMEMBERED: usize = 1000;

/// The largest window (RFC 9113, section 6.9.1).
const LARGEST_WINDOW: u64 = (1 << 31) - 1;

/// A connection. A task of its own reads and writes it, until the last user drops it.
pub(super) struct Link {
    pub(super) sender: SendRequest<Bytes>,
    pub(super) connection: Arc<Connection>,
    pub(super) negotiated: Negotiated,
    driver: AbortHandle,
}

/// The place of a connection that several users share: the one who finds none opens it.
#[derive(Default)]
pub(crate) struct SharedLink(Mutex<Option<Arc<Link>>>);

/// The reason why a connection does not carry HTTP/2.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("the server does not speak HTTP/2: its first frame is not SETTINGS")]
    Greeting,
    #[error("the server closed the connection before it spoke HTTP/2")]
    Closed,
    #[error("the server ended HTTP/2 at once with GOAWAY ({0:?})")]
    GoAway(h2::Reason),
    #[error("HTTP/2 failed: {0}")]
    Protocol(h2::Error),
}

impl SharedLink {
    /// Returns the connection, and whether this call opened it.
    pub(super) async fn get(&self, route: &Route, spec: Http2, opening: &mut Opening) -> io::Result<(Arc<Link>, bool)> {
        let mut place = self.0.lock().await;
        if let Some(link) = place.as_ref().filter(|link| !link.connection.is_ended()) {
            return Ok((Arc::clone(link), false));
        }
        // Freed before the next is opened, unless requests are still under way on it.
        *place = None;
        let link = Arc::new(Link::open(spec, Wire::open(route, opening).await?).await?);
        *place = Some(Arc::clone(&link));
        Ok((link, true))
    }
}

impl Link {
    /// Exchanges the first frames over `socket`, and starts the task of the connection.
    async fn open(spec: Http2, socket: Wire) -> io::Result<Self> {
        let negotiated = socket.negotiated().map_or_else(Negotiated::http2, Negotiated::over);
        let connection = Arc::new(Connection::default());
        let failed = |error: h2::Error| io::Error::other(open_error(error, &connection));
        let watched = Watched::new(socket, Arc::clone(&connection));
        let (sender, driver) = builder(spec).handshake(watched).await.map_err(failed)?;
        let mut driver = Box::pin(driver);
        // The settings of the server say how many streams it takes, so they are awaited before the first request.
        let greeted = poll_fn(|cx| {
            let ended = driver.as_mut().poll(cx);
            match (connection.greeting(), ended) {
                (Some(Greeting::Settings), Poll::Pending) => Poll::Ready(Ok(())),
                (_, Poll::Ready(Err(error))) => Poll::Ready(Err(failed(error))),
                (_, Poll::Ready(Ok(()))) => Poll::Ready(Err(io::Error::other(OpenError::Closed))),
                (_, Poll::Pending) => Poll::Pending,
            }
        });
        greeted.await?;
        let driven = Arc::clone(&connection);
        let driver = tokio::spawn(async move {
            // Users learn from their streams what was wrong.
            let _ = driver.await;
            driven.end();
        });
        Ok(Self { sender, connection, negotiated, driver: driver.abort_handle() })
    }
}

impl Drop for Link {
    /// Closes the socket at once: a peer that does not read could delay a farewell forever.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl fmt::Debug for SharedLink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SharedLink").finish_non_exhaustive()
    }
}

fn builder(spec: Http2) -> client::Builder {
    let window = |bytes: u64| u32::try_from(bytes.min(LARGEST_WINDOW)).unwrap_or(u32::MAX >> 1);
    let mut builder = client::Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(window(spec.window))
        .initial_connection_window_size(window(spec.window.saturating_mul(spec.streams)))
        .max_header_list_size(LONGEST_HEAD)
        .max_concurrent_reset_streams(REMEMBERED)
        // Each malformed answer is an error of its request and needs no second bound.
        .max_local_error_reset_streams(None)
        .data_frame_budget(FRAME_OVERHEAD);
    builder
}

fn open_error(error: h2::Error, connection: &Connection) -> OpenError {
    match (connection.greeting(), error.reason()) {
        (Some(Greeting::Other), _) => OpenError::Greeting,
        (_, Some(reason)) if error.is_go_away() && error.is_remote() => OpenError::GoAway(reason),
        _ if connection.is_closed() => OpenError::Closed,
        _ => OpenError::Protocol(error),
    }
}
