//! One client connection: answers its requests, or breaks the connection (a stream of HTTP/2) as configured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use harness_base::clock::Mono;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::admin;
use super::behaviour::ErrorKind;
use super::fault::Fault;
use super::reply::{self, Reply};
use super::routes::Route;
use super::socket::{Transport, break_off};
use super::state::Upstream;
use super::stream::{Asked, Refused, Stamped};
use crate::clock::Sleepers;
use crate::server::{self, Accepting, Driven, Socket, Stop, Version, Wire};
use crate::tls::Acceptor;

const RECEIVED: HeaderName = HeaderName::from_static("x-upstream-received-ns");
const SENT: HeaderName = HeaderName::from_static("x-upstream-sent-ns");

#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("an injected {0:?}")]
    Injected(ErrorKind),
    #[error("cannot read the request's body")]
    Body(#[from] hyper::Error),
}

/// The state that the requests of one connection share.
struct Connection {
    upstream: Arc<Upstream>,
    sleepers: Sleepers,
    /// The client has requested an admin path, so the connection survives when the upstream goes down.
    admin: AtomicBool,
}

impl Connection {
    fn new(upstream: Arc<Upstream>) -> Arc<Self> {
        Arc::new(Self { upstream, sleepers: Sleepers::default(), admin: AtomicBool::new(false) })
    }
}

/// Serves a connection with TLS. The handshake belongs to the connection, so it ends when the upstream goes down or stops.
pub(crate) async fn serve_tls(socket: Socket, tls: Acceptor, upstream: Arc<Upstream>, mut stop: Stop) {
    let mut accepting = upstream.switch.accepting();
    let accepted = tokio::select! {
        accepted = server::accept_tls(&tls, socket, &mut stop) => accepted,
        _ = accepting.wait_for(|accepting| !accepting) => return upstream.ledger.record_fault(Fault::Down),
    };
    if let Some(stream) = accepted {
        match Version::agreed(&stream) {
            Version::Http1 => serve_http1(stream, upstream, stop).await,
            Version::Http2 => serve_http2(Box::new(stream), upstream, stop).await,
        }
    }
}

/// Serves a connection without TLS, whose client speaks either version.
pub(crate) async fn serve(socket: Socket, upstream: Arc<Upstream>, mut stop: Stop) {
    let mut accepting = upstream.switch.accepting();
    let version = tokio::select! {
        version = Version::of(&socket) => version,
        _ = accepting.wait_for(|accepting| !accepting) => return upstream.ledger.record_fault(Fault::Down),
        _ = stop.changed() => return,
    };
    match version {
        Version::Http1 => serve_http1(socket, upstream, stop).await,
        Version::Http2 => serve_http2(Box::new(socket), upstream, stop).await,
    }
}

async fn serve_http1<T: Transport>(stream: T, upstream: Arc<Upstream>, mut stop: Stop) {
    let (mut accepting, mut stopped) = (upstream.switch.accepting(), stop.clone());
    let state = Connection::new(upstream);
    let shared = Arc::clone(&state);
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let driven = tokio::select! {
        driven = server::drive(&mut connection, &mut stop, server::GRACE) => driven,
        () = goes_down(&state, &mut accepting) => return state.upstream.ledger.record_fault(Fault::Down),
    };
    let Driven::Ended(Err(error)) = driven else {
        return;
    };
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
    if let Some(Unanswered::Injected(kind)) = cause {
        let socket = connection.into_parts().io.into_inner().into_socket();
        tokio::select! {
            () = break_off(socket, *kind) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Serves HTTP/2, where an injected error resets its stream. The connection and its other streams continue.
async fn serve_http2(stream: Wire, upstream: Arc<Upstream>, mut stop: Stop) {
    let mut accepting = upstream.switch.accepting();
    let state = Connection::new(upstream);
    let shared = Arc::clone(&state);
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let mut connection = server::http2(stream, TokioExecutor::new(), service);
    tokio::select! {
        // The client sees how its connection ended.
        _ = server::drive(&mut connection, &mut stop, server::GRACE) => {}
        () = goes_down(&state, &mut accepting) => state.upstream.ledger.record_fault(Fault::Down),
    }
}

/// Waits until the upstream goes down; for ever on an admin connection, which survives.
async fn goes_down(connection: &Connection, accepting: &mut Accepting) {
    loop {
        if accepting.wait_for(|accepting| !accepting).await.is_err() {
            std::future::pending::<()>().await;
        }
        if !connection.admin.load(Relaxed) {
            return;
        }
        let _reopened = accepting.wait_for(|accepting| *accepting).await.is_ok();
    }
}

async fn answer(connection: Arc<Connection>, request: Request<Incoming>) -> Result<Reply, Unanswered> {
    let received = Mono::now();
    let upstream = &connection.upstream;
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if upstream.behaviour.admin_paths && path.starts_with(admin::PREFIX) {
        connection.admin.store(true, Relaxed);
        return Ok(admin::answer(upstream, path));
    }
    upstream.ledger.record(&parts.method, path);
    let route = Route::of(path);
    let input = route.read(body, upstream.behaviour.read_rate).await?;
    let mut reply = match route {
        Route::Probe => route.answer(upstream, &parts, input),
        _ => {
            let behaviour = &upstream.behaviour;
            let number = upstream.numbered.fetch_add(1, Relaxed) + 1;
            if behaviour.error_every.is_some_and(|n| number.is_multiple_of(n)) {
                return Err(Unanswered::Injected(behaviour.error_kind));
            }
            apply_fault(&connection).await?;
            delay(upstream, &connection.sleepers).await;
            let mut reply = match Asked::of(&parts.headers) {
                Some(asked) => stream(upstream, asked),
                None => route.answer(upstream, &parts, input),
            };
            if let Some(status) = behaviour.status.filter(|_| number.is_multiple_of(behaviour.status_every)) {
                *reply.status_mut() = status;
            }
            reply
        }
    };
    if upstream.behaviour.stamps {
        let headers = reply.headers_mut();
        headers.insert(RECEIVED, HeaderValue::from(received.0));
        headers.insert(SENT, HeaderValue::from(Mono::now().0));
    }
    Ok(reply)
}

/// Answers with a stream of events, or with what is wrong with the request for one.
fn stream(upstream: &Upstream, asked: Result<Asked, Refused>) -> Reply {
    match asked {
        Ok(asked) => {
            let number = upstream.streams.fetch_add(1, Relaxed);
            let cancels = Arc::clone(&upstream.cancels);
            reply::stamped(Stamped::new(asked, upstream.behaviour.seed, number, cancels))
        }
        Err(refused) => {
            let (status, content_type, body) = refused.answer();
            reply::full(status, content_type, body)
        }
    }
}

/// Applies the active fault to a request.
async fn apply_fault(connection: &Connection) -> Result<(), Unanswered> {
    let fault = connection.upstream.switch.active();
    let broken = match fault {
        // `goes_down` ends the connection.
        Fault::None | Fault::Down => return Ok(()),
        Fault::Slow(delay) => {
            connection.upstream.ledger.record_fault(fault);
            connection.sleepers.sleep(delay).await;
            return Ok(());
        }
        Fault::Reset => ErrorKind::Reset,
        Fault::HalfClose => ErrorKind::HalfClose,
        Fault::Garbage => ErrorKind::Garbage,
    };
    connection.upstream.ledger.record_fault(fault);
    Err(Unanswered::Injected(broken))
}

async fn delay(upstream: &Upstream, sleepers: &Sleepers) {
    let delay = upstream.delays.draw();
    if !delay.is_zero() {
        let actual = sleepers.sleep(delay).await;
        upstream.ledger.record_delay(actual);
    }
}
