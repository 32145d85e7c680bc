//! One client connection of the proxy: applies costs and faults, and forwards the requests.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};

use super::approve;
use super::args::{ErrorKind, OnUpstreamError};
use super::calls::Fate;
use super::faults;
use super::forward::{Failure, Forwarder};
use super::inbound::Inbound;
use super::lengths::Lengths;
use super::link::Gated;
use super::outbound::Outbound;
use super::reload::{VERSION, with_version};
use super::state::Sidecar;
use crate::clock::{self, Sleepers};
use crate::server::{self, Driven, Socket, Stop, Version};
use crate::tls::Acceptor;

/// An answer of the upstream, or of the sidecar itself.
pub(crate) type Reply = Response<Inbound>;

/// The time from the last answer to the exit, so that the answer is sent first.
const EXIT_DELAY: Duration = Duration::from_millis(5);

/// The state of one client connection.
struct Connection {
    sidecar: Arc<Sidecar>,
    /// From 1, in the order in which connections were accepted.
    number: u64,
    forwarder: Forwarder,
    sleepers: Sleepers,
}

impl Connection {
    /// Creates the state of a connection whose requests come one after another, or at the same time if it is `multiplexed`.
    fn new(sidecar: &Arc<Sidecar>, number: u64, multiplexed: bool) -> Arc<Self> {
        let forwarder = Forwarder::new(Arc::clone(sidecar), multiplexed);
        Arc::new(Self { sidecar: Arc::clone(sidecar), number, forwarder, sleepers: Sleepers::default() })
    }
}

/// Serves a connection without TLS, whose client speaks either version.
pub(crate) async fn serve(socket: Socket, sidecar: Arc<Sidecar>, mut stop: Stop) {
    let number = sidecar.truth.connections.fetch_add(1, Relaxed) + 1;
    let version = tokio::select! {
        version = sidecar.gate.pass(Version::of(&socket)) => version,
        _ = stop.changed() => return,
    };
    let stream = sidecar.turns.of(socket);
    serve_version(version, stream, (sidecar, number), stop).await;
}

/// Serves a connection with TLS, which is a connection of the client even if the handshake fails.
pub(crate) async fn serve_tls(socket: Socket, tls: Acceptor, sidecar: Arc<Sidecar>, mut stop: Stop) {
    let number = sidecar.truth.connections.fetch_add(1, Relaxed) + 1;
    let stream = sidecar.turns.of(socket);
    if let Some(stream) = sidecar.gate.pass(server::accept_tls(&tls, stream, &mut stop)).await {
        serve_version(Version::agreed(&stream), stream, (sidecar, number), stop).await;
    }
}

async fn serve_version<I>(version: Version, stream: I, (sidecar, number): (Arc<Sidecar>, u64), mut stop: Stop)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = Connection::new(&sidecar, number, version == Version::Http2);
    let grace = sidecar.args.stop.grace();
    let service = service_fn(move |request| answer(Arc::clone(&connection), request));
    // The client sees how its connection ended.
    let driven = match version {
        Version::Http1 => {
            let mut served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            sidecar.gate.pass(server::drive(&mut served, &mut stop, grace)).await
        }
        Version::Http2 => {
            let mut served = server::http2(Box::new(stream), Gated(Arc::clone(&sidecar)), service);
            sidecar.gate.pass(server::drive(&mut served, &mut stop, grace)).await
        }
    };
    if matches!(driven, Driven::Cut) {
        sidecar.truth.cut_at_stop.fetch_add(1, Relaxed);
    }
}

/// A connection that a reload closes.
#[derive(Debug, thiserror::Error)]
#[error("a reload closes the connection")]
struct Closed;

async fn answer(connection: Arc<Connection>, request: Request<Incoming>) -> Result<Reply, Closed> {
    let sidecar = &*connection.sidecar;
    let number = sidecar.truth.requests.fetch_add(1, Relaxed) + 1;
    sidecar.gate.request();
    faults::per_request(sidecar, number);
    let _memory = sidecar.held.hold();
    let args = &sidecar.args;
    if sidecar.reloads.closes() {
        return Err(Closed);
    }
    let mut reply = if args.error_every.is_some_and(|n| number.is_multiple_of(n)) {
        sidecar.truth.errors_injected.fetch_add(1, Relaxed);
        refuse(args.error_kind, request).await
    } else if sidecar.reloads.drops() {
        drop_one(request).await
    } else {
        pass(&connection, request).await
    };
    if let Some(version) = sidecar.reloads.version(connection.number) {
        reply.headers_mut().insert(VERSION, HeaderValue::from(version));
        if sidecar.reloads.is_in_body() {
            reply = versioned(reply, version, args.on_upstream_error).await;
        }
    }
    if args.exit_after == Some(number) {
        let code = args.exit_code.into();
        tokio::spawn(async move {
            tokio::time::sleep(EXIT_DELAY).await;
            std::process::exit(code);
        });
    }
    Ok(reply)
}

async fn pass(connection: &Connection, request: Request<Incoming>) -> Reply {
    let Connection { sidecar, sleepers, .. } = connection;
    let (args, truth) = (&sidecar.args, &sidecar.truth);
    let received = Mono::now();
    let turn = sidecar.queue.as_ref().map(|queue| queue.enter(received));
    if let Some(turn) = turn {
        truth.queued.record(turn.begins.since(received));
        sleepers.sleep_until(turn.begins).await;
    }
    if !args.burn.is_zero() {
        truth.burned.record(clock::burn(Nanos::of(args.burn)));
    }
    delay(sleepers, args.add_latency, &truth.added_request).await;
    sidecar.policy.evaluate();
    let reply = match approved(connection, &request, received).await {
        Ok(()) => forwarded(connection, request).await,
        Err(error) => failed(args.on_upstream_error, error.to_string()).await,
    };
    delay(sleepers, args.add_latency_response, &truth.added_response).await;
    if let Some(turn) = turn.filter(|_| args.service_time.is_some()) {
        sleepers.sleep_until(turn.ends).await;
    }
    if !args.answer_after.is_zero() {
        sleepers.sleep_until(received.after(Nanos::of(args.answer_after))).await;
        truth.answered.record(Mono::now().since(received));
    }
    if !args.answer_grid.is_zero() {
        let grid = Nanos::of(args.answer_grid).0;
        sleepers.sleep_until(Mono(Mono::now().0.next_multiple_of(grid))).await;
    }
    reply
}

/// What answers a request.
enum Forwarded {
    Answer(Response<Incoming>),
    /// A message of the sidecar itself.
    Own(String),
}

/// Sends a request to the upstream: once, unless a flag says that it is a call to be repeated or answered here.
async fn forward(sidecar: &Sidecar, forwarder: &Forwarder, request: Request<Incoming>) -> Result<Forwarded, Failure> {
    let (head, body) = request.into_parts();
    if sidecar.calls.pass_all() {
        let (rate, held) = (sidecar.args.body_rate, sidecar.args.hold_bodies);
        let body = Outbound::new(body, rate, held).await.map_err(Failure::Incomplete)?;
        return forwarder.forward(Request::from_parts(head, body)).await.map(Forwarded::Answer);
    }
    let body = body.collect().await.map_err(Failure::Incomplete)?.to_bytes();
    let copy = || Request::from_parts(head.clone(), Outbound::Held(Full::new(body.clone())));
    match sidecar.calls.fate(&body) {
        Fate::Answered(text) => return Ok(Forwarded::Own(text)),
        Fate::Repeated => {
            let first = forwarder.forward(copy()).await?;
            // Read to its end, so that the connection can be used again.
            first.into_body().collect().await.map_err(Failure::Broken)?;
        }
        Fate::Passed => {}
    }
    forwarder.forward(copy()).await.map(Forwarded::Answer)
}

/// Waits for the approval of a POST request, if `--approve-via` is set.
async fn approved(
    connection: &Connection,
    request: &Request<Incoming>,
    received: Mono,
) -> Result<(), approve::Failure> {
    let Connection { sidecar, sleepers, .. } = connection;
    let Some(approver) = sidecar.approver.as_ref().filter(|_| *request.method() == Method::POST) else { return Ok(()) };
    sleepers.sleep(sidecar.args.approve_delay).await;
    sidecar.truth.asked.record(Mono::now().since(received));
    approver.approve(sleepers).await
}

/// Forwards a request and takes its answer over.
async fn forwarded(connection: &Connection, request: Request<Incoming>) -> Reply {
    let Connection { sidecar, forwarder, .. } = connection;
    let of_session = sidecar.sessions.note(&request);
    match forward(sidecar, forwarder, request).await {
        Ok(Forwarded::Answer(response)) => {
            sidecar.sessions.answered(of_session, &response);
            taken(response, connection).await
        }
        Ok(Forwarded::Own(text)) => own(StatusCode::OK, "application/json", text),
        Err(error) => failed(sidecar.args.on_upstream_error, error.to_string()).await,
    }
}

/// Takes an answer of the upstream over.
async fn taken(response: Response<Incoming>, connection: &Connection) -> Reply {
    let (head, body) = response.into_parts();
    match Inbound::new(body, &connection.sidecar).await {
        Ok(body) => Response::from_parts(head, body),
        Err(error) => {
            let message = format!("the answer of the upstream is incomplete: {error}\n");
            failed(connection.sidecar.args.on_upstream_error, message).await
        }
    }
}

/// Puts a version into the body of an answer.
async fn versioned(reply: Reply, version: u64, on_error: OnUpstreamError) -> Reply {
    let (mut head, body) = reply.into_parts();
    match body.collect().await {
        Ok(body) => {
            head.headers.remove(CONTENT_LENGTH);
            Response::from_parts(head, Inbound::Own(Full::from(with_version(&body.to_bytes(), version))))
        }
        Err(error) => failed(on_error, format!("the answer of the upstream is incomplete: {error}\n")).await,
    }
}

/// Answers a request whose upstream failed.
async fn failed(how: OnUpstreamError, message: String) -> Reply {
    match how {
        OnUpstreamError::BadGateway => own(StatusCode::BAD_GATEWAY, "text/plain", message),
        OnUpstreamError::Ok => own(StatusCode::OK, "text/plain", message),
        OnUpstreamError::Hang => std::future::pending().await,
    }
}

async fn delay(sleepers: &Sleepers, delay: Duration, lengths: &Lengths) {
    if !delay.is_zero() {
        lengths.record(sleepers.sleep(delay).await);
    }
}

/// Reads the body of a request that is not passed on, so that the connection stays usable.
async fn body_of(request: Request<Incoming>) -> Bytes {
    request.into_body().collect().await.map_or_else(|_| Bytes::new(), |body| body.to_bytes())
}

/// Answers a request that a reload drops.
async fn drop_one(request: Request<Incoming>) -> Reply {
    body_of(request).await;
    own(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "reloading\n".to_owned())
}

/// Answers without the upstream.
async fn refuse(kind: ErrorKind, request: Request<Incoming>) -> Reply {
    let body = body_of(request).await;
    match kind {
        ErrorKind::Http500 => {
            let text = "injected error\n".to_owned();
            own(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", text)
        }
        ErrorKind::Jsonrpc => own(StatusCode::OK, "application/json", denial(&body)),
    }
}

fn denial(request: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Identified<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    let id = serde_json::from_slice::<Identified<'_>>(request).map_or("null", |call| call.id.get());
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32002,"message":"denied"}}}}"#)
}

fn own(status: StatusCode, content_type: &'static str, body: String) -> Reply {
    let mut reply = Response::new(Inbound::Own(Full::from(body)));
    *reply.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_has_the_id_of_its_request() {
        let denied = denial(br#"{"jsonrpc":"2.0","id":"a-7","method":"tools/call"}"#);
        assert_eq!(denied, r#"{"jsonrpc":"2.0","id":"a-7","error":{"code":-32002,"message":"denied"}}"#);
        assert!(denial(b"not json").contains(r#""id":null"#));
    }
}
