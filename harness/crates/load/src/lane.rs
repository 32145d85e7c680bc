//! Carries the requests of one user: one interface for both versions of HTTP.

use std::io;

use super::deadline::Deadline;
use super::http2::{self, SharedLink};
use super::judge::{Expected, Judge};
use super::link::{self, Answer, Link};
use super::wire::{Negotiated, Opening, Route};
use harness_base::clock::Mono;

/// A lane: the connection itself on HTTP/1.1, streams of a connection on HTTP/2.
pub(super) enum Lane {
    /// Boxed, because it is larger than the other.
    Http1(Box<Link>),
    Http2(http2::Lane),
}

/// A request to send, in the form of its version of HTTP.
#[derive(Clone, Copy)]
pub(super) enum Message<'m> {
    Http1(link::Message<'m>),
    Http2(http2::Message<'m>),
}

/// A request without an answer.
pub(super) struct Failure {
    pub(super) reason: Reason,
    /// Whether the peer may have processed the request.
    pub(super) processed: bool,
    /// Whether the lane cannot be used afterwards.
    pub(super) ends_lane: bool,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    #[error(transparent)]
    Http1(#[from] link::Reason),
    #[error(transparent)]
    Http2(#[from] http2::Reason),
    #[error("a request of one version of HTTP was given to a connection of the other")]
    Version,
}

impl Message<'_> {
    pub(super) const fn expected(&self) -> &Expected {
        match self {
            Self::Http1(message) => message.expected,
            Self::Http2(message) => message.expected,
        }
    }
}

impl Reason {
    pub(super) const fn is_timeout(&self) -> bool {
        matches!(self, Self::Http1(link::Reason::Timeout) | Self::Http2(http2::Reason::Timeout))
    }
}

impl Lane {
    /// Opens a lane. Returns it, and whether a connection was opened for it: on HTTP/2, users share the one in `shared`.
    /// Writes the instants of the latter into `opening`.
    pub(super) async fn open(route: &Route, shared: &SharedLink, opening: &mut Opening) -> io::Result<(Self, bool)> {
        match route.http2 {
            None => Ok((Self::Http1(Box::new(Link::open(route, opening).await?)), true)),
            Some(spec) => {
                let (lane, is_new) = http2::Lane::open(shared, route, spec, opening).await?;
                Ok((Self::Http2(lane), is_new))
            }
        }
    }

    /// Returns whether it cannot carry another request.
    pub(super) fn is_ended(&mut self) -> bool {
        match self {
            Self::Http1(link) => link.is_ended(),
            Self::Http2(lane) => lane.is_ended(),
        }
    }

    /// Returns whether it was the peer that ended it.
    pub(super) fn is_lost(&mut self) -> bool {
        match self {
            Self::Http1(link) => link.is_ended(),
            Self::Http2(lane) => lane.is_lost(),
        }
    }

    /// Returns what was negotiated; `None` for HTTP/1.1 without TLS.
    pub(super) fn negotiated(&self) -> Option<Negotiated> {
        match self {
            Self::Http1(link) => link.negotiated(),
            Self::Http2(lane) => Some(lane.negotiated().clone()),
        }
    }

    /// Ends its use: its connection carries no request that is sent later.
    pub(super) fn close(self) {
        match self {
            Self::Http1(_) => {}
            Self::Http2(lane) => lane.retire(),
        }
    }

    /// Ends its use like [`Lane::close`], and frees the port of a connection of its own at once; see [`Link::close`].
    pub(super) fn reset(self) {
        match self {
            Self::Http1(link) => link.close(),
            Self::Http2(lane) => lane.retire(),
        }
    }

    /// Sends a request and reads the answer to its end; see [`Link::exchange`].
    pub(super) async fn exchange(
        &mut self,
        message: Message<'_>,
        judge: &mut Judge,
        deadline: &mut Deadline,
        sent: Option<Mono>,
    ) -> Result<Answer, Failure> {
        match (self, message) {
            (Self::Http1(link), Message::Http1(message)) => {
                let failed = |link::Failure { reason, written }| Failure {
                    reason: reason.into(),
                    processed: written,
                    ends_lane: true,
                };
                link.exchange(message, judge, deadline, sent).await.map_err(failed)
            }
            (Self::Http2(lane), Message::Http2(message)) => {
                // Boxed, so that it does not enlarge the future of each user on HTTP/1.1, by 650 bytes.
                let done = Box::pin(lane.exchange(message, judge, deadline)).await;
                let ends_lane = lane.is_ended();
                let failed =
                    |http2::Failure { reason, processed }| Failure { reason: reason.into(), processed, ends_lane };
                done.map_err(failed)
            }
            _ => Err(Failure { reason: Reason::Version, processed: false, ends_lane: true }),
        }
    }
}
