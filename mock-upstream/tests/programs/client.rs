//! A plain client connection, and both servers started in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use bytes::Bytes;
use clap::Parser;
use harness_base::clock::Mono;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, body::Incoming};
use hyper_util::rt::TokioIo;
use mock_upstream::sidecar::{self, Sidecar, TruthReport};
use mock_upstream::upstream::{self, LedgerReport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

pub struct Client(SendRequest<BoxBody<Bytes, std::io::Error>>);

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream).await
    }

    /// Returns a client on a connected stream.
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// Sends `request` and returns as soon as the response's headers are there.
    pub async fn begin(
        &mut self,
        request: Request<BoxBody<Bytes, std::io::Error>>,
    ) -> hyper::Result<Response<Incoming>> {
        self.0.ready().await?;
        self.0.send_request(request).await
    }

    pub async fn try_send(&mut self, method: Method, path: &str, body: impl Into<Bytes>) -> hyper::Result<Answer> {
        let body = Full::new(body.into()).map_err(|never| match never {}).boxed();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "test")
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
        let (parts, body) = self.begin(request).await?.into_parts();
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.collect().await?.to_bytes() })
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.try_send(Method::GET, path, "").await.unwrap()
    }

    pub async fn post(&mut self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.try_send(Method::POST, path, body).await.unwrap()
    }
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Returns a free address below the ports the kernel hands out, so that no other test's connection takes it meanwhile.
pub fn quiet_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 500) as u16 * 20;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000;
        let address = ([127, 0, 0, 1], port).into();
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// A server task that stops when dropped.
pub struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub async fn stop(mut self) {
        drop(self.stop.take());
        (&mut self.task).await.unwrap();
    }
}

fn stop_signal() -> (oneshot::Sender<()>, impl Future<Output = ()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    (stop, async {
        let _ = stopped.await;
    })
}

pub async fn upstream_at(address: SocketAddr, flags: &[&str]) -> Server {
    let args = upstream::Args::try_parse_from([&["mock-upstream"], flags].concat()).unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = stop_signal();
    let task = tokio::spawn(upstream::serve(listener, args.behaviour(), stopped));
    Server { address, stop: Some(stop), task }
}

pub async fn upstream(flags: &[&str]) -> Server {
    upstream_at(([127, 0, 0, 1], 0).into(), flags).await
}

pub async fn ledger(upstream: &Server) -> LedgerReport {
    let answer = Client::connect(upstream.address).await.get("/__upstream/ledger").await;
    serde_json::from_slice(&answer.body).unwrap()
}

pub struct Pair {
    pub upstream: Server,
    pub proxy: Server,
    pub admin: Server,
    pub sidecar: Arc<Sidecar>,
    pub main: Mono,
}

impl Pair {
    pub fn truth(&self) -> TruthReport {
        self.sidecar.truth()
    }
}

/// Returns a sidecar with `flags` in front of an upstream with `upstream_flags`.
pub async fn pair(flags: &[&str], upstream_flags: &[&str]) -> Pair {
    pair_with(upstream(upstream_flags).await, flags).await
}

/// Returns a sidecar with `flags` in front of `upstream`.
pub async fn pair_with(upstream: Server, flags: &[&str]) -> Pair {
    let url = format!("http://{}", upstream.address);
    let argv = [&["reference-sidecar", "--upstream", &url], flags].concat();
    let main = Mono::now();
    let sidecar = Sidecar::new(sidecar::Args::try_parse_from(argv).unwrap(), main).unwrap();
    let listen = || async { TcpListener::bind("127.0.0.1:0").await.unwrap() };

    let (listener, (stop, stopped)) = (listen().await, stop_signal());
    let proxy = Server {
        address: listener.local_addr().unwrap(),
        stop: Some(stop),
        task: tokio::spawn(sidecar::serve_proxy(listener, Arc::clone(&sidecar), stopped)),
    };
    let (listener, (stop, stopped)) = (listen().await, stop_signal());
    let admin = Server {
        address: listener.local_addr().unwrap(),
        stop: Some(stop),
        task: tokio::spawn(sidecar::serve_admin(listener, Arc::clone(&sidecar), stopped)),
    };
    Pair { upstream, proxy, admin, sidecar, main }
}
