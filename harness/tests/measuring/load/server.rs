//! Provides a small server that tests control and that counts requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::{Notify, mpsc, watch};

/// The reaction of the server to a request.
pub enum Reaction {
    Answer(u16, &'static str),
    AnswerAndClose(u16, &'static str),
    /// A body of that many bytes.
    Large(usize),
    /// That many chunks, spread over 4 ms.
    Chunked(u64),
    Never,
}

type React = dyn Fn(u64, &str) -> Reaction + Send + Sync;

pub struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Seen {
    react: Box<React>,
    hits: AtomicU64,
    accepts: AtomicU64,
    open: AtomicU64,
    answered: Mutex<Vec<Mono>>,
    paths: Mutex<Vec<String>>,
    frozen: Mutex<Option<(Mono, Mono)>>,
    close: watch::Sender<u64>,
}

impl Server {
    /// Serves on a thread of its own.
    pub fn start(react: impl Fn(u64, &str) -> Reaction + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let context = runtime.enter();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(4096).unwrap();
        drop(context);
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen {
            react: Box::new(react),
            hits: AtomicU64::new(0),
            accepts: AtomicU64::new(0),
            open: AtomicU64::new(0),
            answered: Mutex::default(),
            paths: Mutex::default(),
            frozen: Mutex::default(),
            close: watch::channel(0).0,
        });
        let serving = Arc::clone(&seen);
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                serving.open.fetch_add(1, SeqCst);
                serving.accepts.fetch_add(1, SeqCst);
                tokio::spawn(connection(stream, Arc::clone(&serving)));
            }
        });
        Self { address, seen, runtime: Some(runtime) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers nothing from `from` on, for `length`.
    pub fn freeze(&self, from: Mono, length: Nanos) {
        *self.seen.frozen.lock().unwrap() = Some((from, from.after(length)));
    }

    /// Closes every connection that is open and idle.
    pub fn close_all(&self) {
        self.seen.close.send_modify(|times| *times += 1);
    }

    pub fn hits(&self) -> u64 {
        self.seen.hits.load(SeqCst)
    }

    pub fn hits_on(&self, path: &str) -> u64 {
        self.seen.paths.lock().unwrap().iter().filter(|seen| *seen == path).count() as u64
    }

    pub fn accepts(&self) -> u64 {
        self.seen.accepts.load(SeqCst)
    }

    /// Connections that are accepted and not closed.
    pub fn open(&self) -> u64 {
        self.seen.open.load(SeqCst)
    }

    /// Answers handed to the socket between two instants.
    pub fn answered_between(&self, from: Mono, to: Mono) -> u64 {
        self.seen.answered.lock().unwrap().iter().filter(|at| (from..to).contains(at)).count() as u64
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn connection(stream: tokio::net::TcpStream, seen: Arc<Seen>) {
    let mut close = seen.close.subscribe();
    let service = service_fn(|request| serve(request, Arc::clone(&seen)));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // The server ignores clients that disconnect.
        _ = serving => {}
        _ = close.changed() => {}
    }
    // Whichever of the two went on lived in the select and is gone with it, and so is the socket.
    seen.open.fetch_sub(1, SeqCst);
}

async fn serve(
    request: Request<Incoming>,
    seen: Arc<Seen>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    let hit = seen.hits.fetch_add(1, SeqCst);
    let path = request.uri().path().to_owned();
    request.into_body().collect().await?;
    let frozen = *seen.frozen.lock().unwrap();
    if let Some((_, until)) = frozen.filter(|(from, until)| (*from..*until).contains(&Mono::now())) {
        tokio::time::sleep(until.remaining().duration()).await;
    }
    let reaction = (seen.react)(hit, &path);
    seen.paths.lock().unwrap().push(path);
    let response = answer(reaction).await;
    seen.answered.lock().unwrap().push(Mono::now());
    Ok(response)
}

async fn answer(reaction: Reaction) -> Response<BoxBody<Bytes, Infallible>> {
    let full = |status: u16, body: Bytes| Response::builder().status(status).body(Full::new(body).boxed()).unwrap();
    match reaction {
        Reaction::Answer(status, body) => full(status, Bytes::from_static(body.as_bytes())),
        Reaction::AnswerAndClose(status, body) => {
            let mut response = full(status, Bytes::from_static(body.as_bytes()));
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
        Reaction::Large(bytes) => full(200, Bytes::from(vec![b'x'; bytes])),
        Reaction::Chunked(chunks) => Response::new(chunked(chunks).boxed()),
        Reaction::Never => {
            Notify::new().notified().await;
            full(500, Bytes::new())
        }
    }
}

fn chunked(chunks: u64) -> Chunks {
    let (give, take) = mpsc::channel(1);
    tokio::spawn(async move {
        for chunk in 0..chunks {
            if chunk % 10 == 9 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if give.send(Bytes::from_static(b"data: {}\n\n")).await.is_err() {
                return;
            }
        }
    });
    Chunks(take)
}

struct Chunks(mpsc::Receiver<Bytes>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}
