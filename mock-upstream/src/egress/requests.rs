//! Serves HTTPS in place of the declared hosts.

use std::sync::Arc;

use bytes::Bytes;
use harness_base::clock::Mono;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::host::Answer;
use super::ledger::Seeing;
use super::slack::Call;
use super::state::Egress;
use crate::server::{self, Stop, Version};

/// The longest body of a request that is read.
const LONGEST_BODY: usize = 1 << 20;

/// An error of a request's body.
type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Serves a connection to one of the hosts, which begins with the handshake of TLS.
pub(crate) async fn serve<I>(stream: I, egress: Arc<Egress>, mut stop: Stop)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(stream) = server::accept_tls(&egress.tls, stream, &mut stop).await else {
        egress.ledger.fail_handshake();
        return;
    };
    let version = Version::agreed(&stream);
    let service = service_fn(move |request| answer(Arc::clone(&egress), request));
    // The target sees how its connection ended.
    let _ = match version {
        Version::Http1 => {
            let mut served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            server::drive(&mut served, &mut stop, server::GRACE).await
        }
        Version::Http2 => {
            let mut served = server::http2(Box::new(stream), TokioExecutor::new(), service);
            server::drive(&mut served, &mut stop, server::GRACE).await
        }
    };
}

async fn answer(egress: Arc<Egress>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, BodyError> {
    let at = Mono::now();
    let (head, body) = request.into_parts();
    let name = host_of(&head);
    let body = Limited::new(body, LONGEST_BODY).collect().await?.to_bytes();
    let Some(host) = egress.host(&name) else {
        egress.ledger.refuse(&name);
        return Ok(json(StatusCode::MISDIRECTED_REQUEST, Bytes::from_static(b"{\"error\":\"no such host\"}")));
    };
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    let call = Call { at, path, query, body: &body };
    let Answer { status, json: body, approved } = host.answer(head.method.as_str(), &call);
    let (egress_name, method) = (host.name.as_str(), head.method.as_str());
    egress.ledger.hit(&Seeing { at, egress: egress_name, method, path, status: status.as_u16(), approved });
    Ok(json(status, body))
}

/// Returns the host of a request without its port: that of the URI on HTTP/2, and of the field `Host` on HTTP/1.1.
pub(crate) fn host_of(head: &Parts) -> String {
    let field = || head.headers.get(HOST).and_then(|value| value.to_str().ok());
    let authority = head.uri.authority().cloned().or_else(|| field()?.parse::<Authority>().ok());
    authority.map(|authority| authority.host().to_ascii_lowercase()).unwrap_or_default()
}

fn json(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}
