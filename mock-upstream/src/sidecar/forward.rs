//! The upstream side: one kept-alive connection per client connection, reopened after it was closed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONNECTION, HeaderMap, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::state::Sidecar;
use crate::tls::Connector;

const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authenticate"),
    HeaderName::from_static("proxy-authorization"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Why a request got no answer from the upstream. The text is the body of the client's answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot connect to the upstream {authority}: {cause}\n")]
    Connect { authority: String, cause: std::io::Error },
    #[error(
        "cannot agree on TLS with the upstream {authority}: {cause}; check that its certificate is for this host and signed by the CA of --upstream-ca\n"
    )]
    Handshake { authority: String, cause: std::io::Error },
    #[error("no new connection to the upstream {authority} after the first one failed (--never-reconnect)\n")]
    NeverReconnect { authority: String },
    #[error("the connection to the upstream broke: {0}\n")]
    Broken(hyper::Error),
}

pub(crate) struct Forwarder {
    sidecar: Arc<Sidecar>,
    upstream: Option<SendRequest<Incoming>>,
}

impl Forwarder {
    pub(crate) fn new(sidecar: Arc<Sidecar>) -> Self {
        Self { sidecar, upstream: None }
    }

    /// Sends the request and returns the response as soon as its headers have arrived. Both bodies are streamed.
    pub(crate) async fn forward(&mut self, request: Request<Incoming>) -> Result<Response<Incoming>, Failure> {
        let mut request = outbound(request);
        loop {
            let (mut upstream, fresh) = match self.kept().await {
                Some(upstream) => (upstream, false),
                None => (self.connect().await?, true),
            };
            match upstream.try_send_request(request).await {
                Ok(response) => {
                    self.sidecar.truth.forwarded.fetch_add(1, Relaxed);
                    self.upstream = Some(upstream);
                    return Ok(inbound(response));
                }
                Err(mut failure) => match failure.take_message() {
                    // The kept connection was closed before anything was sent, so one retry on a new one is safe.
                    Some(unsent) if !fresh => request = unsent,
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

    /// Returns the connection of the previous request, unless the upstream has closed it.
    async fn kept(&mut self) -> Option<SendRequest<Incoming>> {
        let mut upstream = self.upstream.take()?;
        upstream.ready().await.is_ok().then_some(upstream)
    }

    async fn connect(&self) -> Result<SendRequest<Incoming>, Failure> {
        let authority = &self.sidecar.args.upstream.authority;
        if self.sidecar.args.never_reconnect && self.sidecar.truth.connect_failures.load(Relaxed) > 0 {
            return Err(Failure::NeverReconnect { authority: authority.clone() });
        }
        let stream = TcpStream::connect(authority).await.map_err(|cause| {
            self.sidecar.truth.connect_failures.fetch_add(1, Relaxed);
            Failure::Connect { authority: authority.clone(), cause }
        })?;
        // This fails on a socket that is already closed; the request reports it.
        let _ = stream.set_nodelay(true);
        match &self.sidecar.connector {
            None => self.open(stream).await,
            Some(tls) => self.open_with_tls(tls, stream).await,
        }
    }

    /// Starts HTTP with TLS on a connected stream. Boxed here, because the handshake is rare and would enlarge the stack of every request.
    #[inline(never)]
    fn open_with_tls<'f>(
        &'f self,
        tls: &'f Connector,
        stream: TcpStream,
    ) -> Pin<Box<dyn Future<Output = Result<SendRequest<Incoming>, Failure>> + Send + 'f>> {
        Box::pin(async move {
            let stream = tls.connect(stream).await.map_err(|cause| {
                self.sidecar.truth.connect_failures.fetch_add(1, Relaxed);
                Failure::Handshake { authority: self.sidecar.args.upstream.authority.clone(), cause }
            })?;
            self.open(stream).await
        })
    }

    /// Starts HTTP on a connected stream.
    async fn open<I>(&self, stream: I) -> Result<SendRequest<Incoming>, Failure>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (upstream, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Failure::Broken)?;
        let sidecar = Arc::clone(&self.sidecar);
        tokio::spawn(async move {
            // The affected request reports a broken connection.
            let _ = sidecar.gate.pass(connection).await;
        });
        Ok(upstream)
    }
}

fn outbound(mut request: Request<Incoming>) -> Request<Incoming> {
    strip_hop_by_hop(request.headers_mut());
    *request.version_mut() = Version::HTTP_11;
    if request.uri().authority().is_some() {
        let path = request.uri().path_and_query();
        *request.uri_mut() = path.map_or_else(Uri::default, |path: &PathAndQuery| path.clone().into());
    }
    request
}

fn inbound(mut response: Response<Incoming>) -> Response<Incoming> {
    strip_hop_by_hop(response.headers_mut());
    *response.version_mut() = Version::HTTP_11;
    response
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hop_by_hop_headers_are_removed() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("content-type", "text/plain"),
            ("host", "a"),
        ] {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-type", "host"]);
    }
}
