//! One client connection: from request to response, or to the break that was asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::fault::{Fault, Switch};
use super::ledger::Ledger;
use super::reply::Reply;
use super::routes::Route;
use super::{Behaviour, ErrorKind, Sampler, admin};
use crate::clock::{Sleeper, monotonic_ns};
use crate::server::{self, Door, Stop};

const RECEIVED: HeaderName = HeaderName::from_static("x-upstream-received-ns");
const SENT: HeaderName = HeaderName::from_static("x-upstream-sent-ns");
const GARBAGE: &[u8] = b"\x16\x03\x01 this is not HTTP \xff\xfe\r\n\r\n";

/// The state that all connections share.
pub(crate) struct Upstream {
    pub(crate) behaviour: Behaviour,
    pub(crate) ledger: Ledger,
    /// What goes wrong at present.
    pub(crate) switch: Switch,
    pub(crate) body: Bytes,
    delays: Sampler,
    /// Requests that faults may hit: all but admin paths and probes.
    numbered: AtomicU64,
}

impl Upstream {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        Self {
            ledger: Ledger::default(),
            switch: Switch::default(),
            body: vec![b'x'; behaviour.body].into(),
            delays: Sampler::new(behaviour.delay, behaviour.seed),
            numbered: AtomicU64::new(0),
            behaviour,
        }
    }
}

/// Why a request gets no answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("an injected {0:?}")]
    Injected(ErrorKind),
    #[error("the request's body broke off")]
    Body(#[from] hyper::Error),
}

/// What the requests of one connection share.
struct Guest {
    upstream: Arc<Upstream>,
    sleeper: Mutex<Sleeper>,
    /// It has asked for an admin path, so it stays when the upstream goes down.
    admin: AtomicBool,
}

pub(crate) async fn serve(stream: TcpStream, upstream: Arc<Upstream>, mut stop: Stop) {
    let (mut door, mut over) = (upstream.switch.door(), stop.clone());
    let guest = Guest { upstream, sleeper: Mutex::default(), admin: AtomicBool::new(false) };
    let guest = Arc::new(guest);
    let shared = Arc::clone(&guest);
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let driven = tokio::select! {
        driven = server::drive(&mut connection, &mut stop) => driven,
        () = shown_out(&guest, &mut door) => return guest.upstream.ledger.record_fault(Fault::Down),
    };
    let Err(error) = driven else {
        return;
    };
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
    if let Some(Unanswered::Injected(kind)) = cause {
        let stream = connection.into_parts().io.into_inner();
        tokio::select! {
            () = hang_up(stream, *kind) => {}
            _ = over.changed() => {}
        }
    }
}

/// Waits until the upstream goes down, in which only admin connections survive.
async fn shown_out(guest: &Guest, door: &mut Door) {
    loop {
        if door.wait_for(|open| !open).await.is_err() {
            std::future::pending::<()>().await;
        }
        if !guest.admin.load(Relaxed) {
            return;
        }
        let _opened = door.wait_for(|open| *open).await.is_ok();
    }
}

async fn hang_up(mut stream: TcpStream, kind: ErrorKind) {
    // The other side may be gone first, and then there is nobody left to break off with.
    let _ = match kind {
        ErrorKind::Reset => stream.set_zero_linger(),
        ErrorKind::Close => stream.shutdown().await,
        ErrorKind::Garbage => stream.write_all(GARBAGE).await,
        ErrorKind::HalfClose => half_close(stream).await,
    };
}

/// Says no more, and listens until the other side has nothing to say either.
async fn half_close(mut stream: TcpStream) -> std::io::Result<()> {
    stream.shutdown().await?;
    let mut heard = [0; 1024];
    while stream.read(&mut heard).await? > 0 {}
    Ok(())
}

async fn answer(guest: Arc<Guest>, request: Request<Incoming>) -> Result<Reply, Unanswered> {
    let received = monotonic_ns();
    let upstream = &guest.upstream;
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if path.starts_with(admin::PREFIX) {
        guest.admin.store(true, Relaxed);
        return Ok(admin::answer(upstream, path));
    }
    upstream.ledger.record(&parts.method, path);
    let route = Route::of(path);
    let input = route.read(body).await?;
    let mut reply = match route {
        Route::Probe => route.answer(upstream, &parts, input),
        _ => {
            let behaviour = &upstream.behaviour;
            let number = upstream.numbered.fetch_add(1, Relaxed) + 1;
            if behaviour.error_every.is_some_and(|n| number.is_multiple_of(n)) {
                return Err(Unanswered::Injected(behaviour.error_kind));
            }
            meet_fault(&guest).await?;
            hold_back(upstream, &guest.sleeper).await;
            let mut reply = route.answer(upstream, &parts, input);
            if let Some(status) = behaviour.status.filter(|_| number.is_multiple_of(behaviour.status_every)) {
                *reply.status_mut() = status;
            }
            reply
        }
    };
    if upstream.behaviour.stamps {
        let headers = reply.headers_mut();
        headers.insert(RECEIVED, HeaderValue::from(received));
        headers.insert(SENT, HeaderValue::from(monotonic_ns()));
    }
    Ok(reply)
}

/// Does to a request what was switched on.
async fn meet_fault(guest: &Guest) -> Result<(), Unanswered> {
    let fault = guest.upstream.switch.present();
    let broken = match fault {
        // Whoever is connected is shown out.
        Fault::None | Fault::Down => return Ok(()),
        Fault::Slow(delay) => {
            guest.upstream.ledger.record_fault(fault);
            guest.sleeper.lock().await.sleep(delay).await;
            return Ok(());
        }
        Fault::Reset => ErrorKind::Reset,
        Fault::HalfClose => ErrorKind::HalfClose,
        Fault::Garbage => ErrorKind::Garbage,
    };
    guest.upstream.ledger.record_fault(fault);
    Err(Unanswered::Injected(broken))
}

async fn hold_back(upstream: &Upstream, sleeper: &Mutex<Sleeper>) {
    let delay = upstream.delays.draw();
    if !delay.is_zero() {
        let actual = sleeper.lock().await.sleep(delay).await;
        upstream.ledger.record_delay(actual);
    }
}
