//! Connections to the upstream, and which of them a request takes.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::rt::Executor;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex as Turn;

use super::outbound::Outbound;
use super::state::Sidecar;
use super::target::UpstreamHttp;
use crate::server::Wire;

/// A connection to the upstream, on which a request can be sent.
pub(crate) enum Link {
    Http1(http1::SendRequest<Outbound>),
    Http2(http2::SendRequest<Outbound>),
}

/// The kept connections to the upstream of one client connection.
pub(crate) enum Links {
    /// The requests of the client follow each other, and so do theirs to the upstream.
    Sequential(Mutex<Option<http1::SendRequest<Outbound>>>),
    /// Each request in flight has a connection.
    Several(Mutex<Vec<http1::SendRequest<Outbound>>>),
    /// All requests are streams of one connection.
    Shared(Turn<Option<http2::SendRequest<Outbound>>>),
}

impl Links {
    /// Creates the links of a client whose requests come one after another, or at the same time if it is `multiplexed`.
    pub(crate) fn new(upstream: UpstreamHttp, multiplexed: bool) -> Self {
        match (upstream, multiplexed) {
            (UpstreamHttp::Http1, false) => Self::Sequential(Mutex::default()),
            (UpstreamHttp::Http1, true) => Self::Several(Mutex::default()),
            (UpstreamHttp::Http2, _) => Self::Shared(Turn::default()),
        }
    }

    /// Returns a kept connection, unless the upstream has closed it, or one that `connect` opens. The flag is whether it is new.
    pub(crate) async fn take<E, F>(&self, connect: impl FnOnce() -> F) -> Result<(Link, bool), E>
    where
        F: Future<Output = Result<Link, E>>,
    {
        match self {
            Self::Sequential(kept) => {
                let kept = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(mut link) = kept
                    && link.ready().await.is_ok()
                {
                    return Ok((Link::Http1(link), false));
                }
            }
            Self::Several(kept) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.retain(|link| !link.is_closed());
                if let Some(idle) = kept.iter().position(http1::SendRequest::is_ready) {
                    return Ok((Link::Http1(kept.swap_remove(idle)), false));
                }
            }
            // Requests that come before the connection is open wait for it here.
            Self::Shared(kept) => {
                let mut kept = kept.lock().await;
                if let Some(link) = kept.as_ref().filter(|link| !link.is_closed()) {
                    return Ok((Link::Http2(link.clone()), false));
                }
                let link = connect().await?;
                if let Link::Http2(link) = &link {
                    *kept = Some(link.clone());
                }
                return Ok((link, true));
            }
        }
        Ok((connect().await?, true))
    }

    /// Keeps a connection for the next request.
    pub(crate) fn keep(&self, link: Link) {
        match (self, link) {
            (Self::Sequential(kept), Link::Http1(link)) => {
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
            }
            (Self::Several(kept), Link::Http1(link)) => {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(link);
            }
            // It is kept from its opening on.
            _ => {}
        }
    }

    /// Forgets a connection that takes no request any more.
    pub(crate) async fn forget(&self) {
        if let Self::Shared(kept) = self {
            *kept.lock().await = None;
        }
    }
}

impl Link {
    pub(crate) async fn send(
        &mut self,
        request: Request<Outbound>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Outbound>>> {
        match self {
            Self::Http1(link) => link.try_send_request(request).await,
            Self::Http2(link) => link.try_send_request(request).await,
        }
    }

    /// Starts HTTP/2 on a stream.
    pub(crate) async fn http2(stream: Wire, sidecar: &Arc<Sidecar>) -> hyper::Result<Self> {
        let gated = Gated(Arc::clone(sidecar));
        let (link, connection) = http2::handshake(gated.clone(), TokioIo::new(stream)).await?;
        gated.execute(connection);
        Ok(Self::Http2(link))
    }
}

/// Spawns tasks that the freeze stops too.
#[derive(Clone)]
pub(crate) struct Gated(pub(crate) Arc<Sidecar>);

impl<F> Executor<F> for Gated
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, future: F) {
        let sidecar = Arc::clone(&self.0);
        tokio::spawn(async move {
            // The affected request reports a broken connection.
            let _ = sidecar.gate.pass(future).await;
        });
    }
}
