//! The upstream side: opens connections to the upstream, and sends each request on one of them.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::rt::Executor;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::headers;
use super::link::{Gated, Link, Links};
use super::outbound::Outbound;
use super::state::Sidecar;
use super::target::{Target, UpstreamHttp};
use crate::server::Socket;
use crate::tls::{self, Connector};

/// The reason why a request got no answer from the upstream. The text is the body of the client's answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot connect to the upstream {upstream}: {cause}\n")]
    Connect { upstream: Target, cause: std::io::Error },
    #[error(
        "cannot agree on TLS with the upstream {upstream}: {cause}; check that its certificate is for this host and signed by the CA of --upstream-ca\n"
    )]
    Handshake { upstream: Target, cause: std::io::Error },
    #[error("the upstream {upstream} does not speak HTTP/2; leave out --upstream-http\n")]
    NoHttp2 { upstream: Target },
    #[error("no new connection to the upstream {upstream} after the first one failed (--never-reconnect)\n")]
    NeverReconnect { upstream: Target },
    #[error("the body of the request did not arrive: {0}\n")]
    Incomplete(hyper::Error),
    #[error("the connection to the upstream broke: {0}\n")]
    Broken(hyper::Error),
}

/// Forwards the requests of one client connection.
pub(crate) struct Forwarder {
    sidecar: Arc<Sidecar>,
    links: Links,
}

impl Forwarder {
    /// Creates the forwarder of a client whose requests come one after another, or at the same time if it is `multiplexed`.
    pub(crate) fn new(sidecar: Arc<Sidecar>, multiplexed: bool) -> Self {
        let links = Links::new(sidecar.args.upstream_http, multiplexed);
        Self { sidecar, links }
    }

    /// Sends the request and returns the response as soon as its headers have arrived.
    pub(crate) async fn forward(&self, request: Request<Outbound>) -> Result<Response<Incoming>, Failure> {
        let args = &self.sidecar.args;
        let mut request = headers::outbound(request, &args.upstream, args.upstream_http);
        loop {
            let (mut link, fresh) = self.links.take(|| self.connect()).await?;
            match link.send(request).await {
                Ok(response) => {
                    self.sidecar.truth.forwarded.fetch_add(1, Relaxed);
                    self.links.keep(link);
                    return Ok(headers::inbound(response));
                }
                Err(mut failure) => match failure.take_message() {
                    // The kept connection was closed before anything was sent, so one retry on a new one is safe.
                    Some(unsent) if !fresh => {
                        self.links.forget().await;
                        request = unsent;
                    }
                    unsent => {
                        if unsent.is_none() {
                            self.sidecar.truth.forwarded.fetch_add(1, Relaxed);
                        }
                        return Err(Failure::Broken(failure.into_error()));
                    }
                },
            }
        }
    }

    async fn connect(&self) -> Result<Link, Failure> {
        let upstream = &self.sidecar.args.upstream;
        if self.sidecar.args.never_reconnect && self.sidecar.truth.connect_failures.load(Relaxed) > 0 {
            return Err(Failure::NeverReconnect { upstream: upstream.clone() });
        }
        let connected = match &upstream.unix {
            None => Socket::tcp(&upstream.authority).await,
            Some(path) => Socket::unix(path).await,
        };
        let socket = connected.map_err(|cause| {
            self.sidecar.truth.connect_failures.fetch_add(1, Relaxed);
            Failure::Connect { upstream: upstream.clone(), cause }
        })?;
        match &self.sidecar.connector {
            None => self.open(socket).await,
            Some(tls) => self.open_with_tls(tls, socket).await,
        }
    }

    /// Starts HTTP with TLS on a connected stream. Boxed here, because the handshake is rare and would enlarge the stack of every request.
    #[inline(never)]
    fn open_with_tls<'f>(
        &'f self,
        tls: &'f Connector,
        socket: Socket,
    ) -> Pin<Box<dyn Future<Output = Result<Link, Failure>> + Send + 'f>> {
        Box::pin(async move {
            let upstream = || self.sidecar.args.upstream.clone();
            let refused = |failure| {
                self.sidecar.truth.connect_failures.fetch_add(1, Relaxed);
                failure
            };
            let stream = tls.connect(socket).await;
            let stream = stream.map_err(|cause| refused(Failure::Handshake { upstream: upstream(), cause }))?;
            let agreed = stream.get_ref().1.alpn_protocol() == Some(tls::HTTP2);
            match self.sidecar.args.upstream_http {
                UpstreamHttp::Http2 if !agreed => Err(refused(Failure::NoHttp2 { upstream: upstream() })),
                _ => self.open(stream).await,
            }
        })
    }

    /// Starts HTTP on a connected stream.
    async fn open<I>(&self, stream: I) -> Result<Link, Failure>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if self.sidecar.args.upstream_http == UpstreamHttp::Http2 {
            return Link::http2(Box::new(stream), &self.sidecar).await.map_err(Failure::Broken);
        }
        let (link, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Failure::Broken)?;
        Gated(Arc::clone(&self.sidecar)).execute(connection);
        Ok(Link::Http1(link))
    }
}
