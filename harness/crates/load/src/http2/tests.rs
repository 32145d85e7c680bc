//! The lane against the server of the `h2` crate.

mod hostile;
mod streamed;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{self, SendResponse};
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Request, Response};
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::arm_client::{ArmClient, Completion};
use crate::facts::Arm;
use crate::frames::ArmAddress;
use crate::outcome::Outcome;
use crate::prepared::{Prepared, Scratch};
use crate::spec::{self, Body, Expect};
use crate::template::Fields;
use harness_base::units::Nanos;

/// A server that counts its connections.
struct Peer {
    address: SocketAddr,
    connections: Arc<AtomicU64>,
}

/// Calls `serve` with each connection and its number, until the runtime ends.
async fn peer<F: Future<Output = ()> + Send + 'static>(serve: impl Fn(TcpStream, u64) -> F + Send + 'static) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            tokio::spawn(serve(socket, counter.fetch_add(1, SeqCst)));
        }
    });
    Peer { address, connections }
}

/// Serves HTTP/2 with the `h2` crate. Calls `answer` with each request.
async fn serve<F: Future<Output = Result<(), h2::Error>> + Send + 'static>(
    builder: server::Builder,
    socket: impl AsyncRead + AsyncWrite + Unpin,
    answer: impl Fn(Request<h2::RecvStream>, SendResponse<Bytes>) -> F,
) {
    let Ok(mut connection) = builder.handshake::<_, Bytes>(socket).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond));
    }
}

/// A client of one arm with its requests.
struct User {
    client: ArmClient,
    prepared: Prepared,
    judge: Judge,
    timeout: Nanos,
}

impl User {
    fn new(address: SocketAddr, shared: &Arc<SharedLink>, expect: Expect, body: &str) -> Self {
        Self::with_body(address, shared, expect, Body::Fixed(body.to_owned()))
    }

    fn with_body(address: SocketAddr, shared: &Arc<SharedLink>, expect: Expect, body: Body) -> Self {
        let (host, base_path, http2) = (address.to_string(), String::new(), Some(Http2::default()));
        let arm =
            ArmAddress { arm: Arm::Proxied, address: address.into(), host, base_path, tls: None, http2, stdio: false };
        let request = spec::Request {
            name: "request".to_owned(),
            weight: 1,
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: vec![("x-y".to_owned(), "z".to_owned())],
            body,
            expect,
            timeout: Nanos::from_secs(10),
        };
        let prepared = Prepared::new(&request, &arm).unwrap();
        let client = ArmClient::new(Route::new(&arm).unwrap(), Arc::clone(shared));
        Self { client, prepared, judge: Judge::default(), timeout: Nanos::from_secs(10) }
    }

    fn alone(address: SocketAddr) -> Self {
        Self::new(address, &Arc::default(), Expect::default(), "{}")
    }

    async fn send(&mut self) -> Completion {
        let (mut scratch, mut deadline, now) = (Scratch::default(), Deadline::new(), Mono::now());
        deadline.set(now, now.after(self.timeout));
        let mut fields = Fields::new(0, 0, 1);
        let message = self.prepared.message(&mut fields, &mut scratch);
        self.client.exchange(message, &mut self.judge, &mut deadline, None).await
    }
}

/// An answer to send.
#[derive(Debug, Clone)]
struct Answer {
    status: u16,
    informational: usize,
    fields: Vec<(u8, u8)>,
    parts: Vec<Vec<u8>>,
    trailers: bool,
    /// Whether the last part ends the stream, and not an empty frame or the head.
    ends_with_part: bool,
}

impl Answer {
    fn fields(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.fields.iter().map(|(name, value)| (format!("x-{name}"), value.to_string()))
    }

    async fn send(self, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
        for status in [100, 103].into_iter().cycle().take(self.informational) {
            respond.send_informational(Response::builder().status(status).body(()).unwrap())?;
        }
        let mut response = Response::builder().status(self.status).body(()).unwrap();
        for (name, value) in self.fields() {
            let name = HeaderName::try_from(name).unwrap();
            response.headers_mut().append(name, HeaderValue::try_from(value).unwrap());
        }
        let ends_at_once = self.parts.is_empty() && !self.trailers && self.ends_with_part;
        let mut stream = respond.send_response(response, ends_at_once)?;
        let last = self.parts.len().saturating_sub(1);
        for (number, part) in self.parts.iter().enumerate() {
            let ends = number == last && self.ends_with_part && !self.trailers;
            stream.send_data(Bytes::copy_from_slice(part), ends)?;
            tokio::task::yield_now().await;
        }
        if self.trailers {
            stream.send_trailers(HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("x"))]))?;
        } else if !ends_at_once && (self.parts.is_empty() || !self.ends_with_part) {
            stream.send_data(Bytes::new(), true)?;
        }
        Ok(())
    }
}

fn answers() -> impl Strategy<Value = Answer> {
    let status = prop_oneof![6 => Just(200u16), 1 => Just(404), 1 => Just(500), 1 => Just(299)];
    let part = prop_oneof![4 => prop::collection::vec(b'a'..=b'z', 1..50), 1 => prop::collection::vec(b'a'..=b'z', 1000..40_000)];
    let parts = prop::collection::vec(part, 0..6);
    let fields = prop::collection::vec((any::<u8>(), any::<u8>()), 0..8);
    (status, 0usize..3, fields, parts, any::<bool>(), any::<bool>()).prop_map(
        |(status, informational, fields, parts, trailers, ends_with_part)| Answer {
            status,
            informational,
            fields,
            parts,
            trailers,
            ends_with_part,
        },
    )
}

/// Copies what `far` sends to `near` in pieces of at most `size` bytes, and all that arrives there to `far`.
async fn in_pieces(near: TcpStream, far: DuplexStream, size: usize) {
    let ((mut receive, mut send), (mut from, mut to)) = (near.into_split(), tokio::io::split(far));
    tokio::spawn(async move { tokio::io::copy(&mut receive, &mut to).await });
    let mut piece = vec![0; size];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if send.write_all(&piece[..length]).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Checks that the lane reads what the server sends, however it is divided into frames and in whatever pieces they arrive.
    #[test]
    fn answers_are_read_as_they_were_sent(answer in answers(), size in prop_oneof![1usize..40, 500usize..70_000]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sent = answer.clone();
        let (completions, judge, connections) = runtime.block_on(async move {
            let answer = sent.clone();
            let peer = peer(move |socket, _| {
                let answer = answer.clone();
                async move {
                    let (near, far) = duplex(1 << 16);
                    tokio::spawn(in_pieces(socket, far, size));
                    serve(server::Builder::new(), near, move |request, respond| {
                        let answer = answer.clone();
                        async move {
                            let field = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
                            assert_eq!([field("x-y"), field("content-length")], ["z", "2"]);
                            answer.send(respond).await
                        }
                    }).await;
                }
            }).await;
            let headers = sent.fields().collect();
            let expect = Expect { status: Some(sent.status), headers, length: Some(u64::MAX), ..Expect::default() };
            let mut user = User::new(peer.address, &Arc::default(), expect, "{}");
            let completions = [user.send().await, user.send().await];
            (completions, user.judge, peer.connections.load(SeqCst))
        });
        let body = answer.parts.concat();
        let shown: String = String::from_utf8(body.clone()).unwrap().chars().take(120).collect();
        let shown = if body.is_empty() { ", no body".to_owned() } else { format!(": {shown}") };
        let example = format!("status {}, {} bytes instead of {}{shown}", answer.status, body.len(), u64::MAX);
        for completion in &completions {
            prop_assert_eq!(completion.outcome, Outcome::WrongBody, "{:?}", completion);
            let (sent, headers) = (completion.sent, completion.headers);
            prop_assert!(sent.is_none_or(|sent| sent < headers) && headers <= completion.ended, "{:?}", completion);
            prop_assert_eq!(completion.first_body.is_some(), !body.is_empty());
            prop_assert!(completion.first_body.is_none_or(|first| headers <= first && first <= completion.ended));
            prop_assert_eq!((completion.writes, completion.reconnects), (1, 0));
        }
        prop_assert_eq!(judge.example(), example);
        prop_assert_eq!(connections, 1);
    }
}

/// How long the parts of an answer are apart; long compared with the turns of a busy machine, which only add to it.
const APART: Duration = Duration::from_millis(60);

#[tokio::test]
async fn each_part_of_an_answer_has_the_instant_of_its_arrival() {
    let answer = |_request, mut respond: SendResponse<Bytes>| async move {
        respond.send_informational(Response::builder().status(103).body(()).unwrap())?;
        tokio::time::sleep(APART).await;
        let mut stream = respond.send_response(Response::new(()), false)?;
        tokio::time::sleep(APART).await;
        stream.send_data(Bytes::from_static(b"a"), false)?;
        tokio::time::sleep(APART).await;
        stream.send_trailers(HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("x"))]))
    };
    let peer = peer(move |socket, _| serve(server::Builder::new(), socket, answer)).await;
    let mut user = User::alone(peer.address);
    for is_first in [true, false] {
        let before = Mono::now();
        let found = user.send().await;
        assert_eq!(found.outcome, Outcome::Ok, "{found:?}");
        // A request that opened the connection was sent when the user began.
        assert_eq!(found.sent.is_none(), is_first);
        let (sent, body) = (found.sent.unwrap_or(before), found.first_body.unwrap());
        assert!(before <= sent);
        for (from, to) in [(sent, found.headers), (found.headers, body), (body, found.ended)] {
            // A timer of the server may fire up to 1 ms early.
            assert!(to.since(from) >= Nanos::from_millis(55), "{found:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_keeps_its_instant_while_its_user_does_not_run() {
    let answer = |_request, mut respond: SendResponse<Bytes>| async move {
        respond.send_response(Response::new(()), true)?;
        // The task of the connection has read the answer before the user, who waits in the same thread, can run.
        tokio::task::yield_now().await;
        Ok(())
    };
    let peer = peer(move |socket, _| serve(server::Builder::new(), socket, answer)).await;
    let mut user = User::alone(peer.address);
    assert_eq!(user.send().await.outcome, Outcome::Ok);
    let mut exchange = Box::pin(user.send());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(exchange.as_mut().poll(&mut context).is_pending());
    tokio::time::sleep(APART).await;
    let arrived = Mono::now();
    std::thread::sleep(APART);
    let Poll::Ready(found) = exchange.as_mut().poll(&mut context) else { panic!("not answered within the pause") };
    assert_eq!(found.outcome, Outcome::Ok, "{found:?}");
    assert!(found.ended < arrived, "{found:?} was stamped when its user ran, after {arrived:?}");
}

#[tokio::test]
async fn users_share_a_connection_and_wait_for_a_free_stream() {
    for most in [1, 3, 100] {
        let mut builder = server::Builder::new();
        builder.max_concurrent_streams(most);
        let answer = |request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>| async move {
            let mut body = request.into_body();
            while let Some(part) = body.data().await {
                body.flow_control().release_capacity(part?.len())?;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
            respond.send_response(Response::new(()), true).map(drop)
        };
        let peer = peer(move |socket, _| serve(builder.clone(), socket, answer)).await;
        let shared = Arc::default();
        let all = (0..8).map(|_| {
            let mut user = User::new(peer.address, &shared, Expect::default(), &"x".repeat(100_000));
            tokio::spawn(async move {
                let mut all = Vec::new();
                for _ in 0..5 {
                    all.push(user.send().await);
                }
                all
            })
        });
        for user in all.collect::<Vec<_>>() {
            for found in user.await.unwrap() {
                assert_eq!((found.outcome, found.reconnects, found.writes), (Outcome::Ok, 0, 1), "{found:?}");
            }
        }
        assert_eq!(peer.connections.load(SeqCst), 1);
    }
}

#[tokio::test]
async fn a_closed_connection_is_opened_again_once_for_all_its_users() {
    let answer = |_request, mut respond: SendResponse<Bytes>| async move {
        respond.send_response(Response::new(()), true).map(drop)
    };
    let peer = peer(move |socket, _| serve(server::Builder::new(), socket, answer)).await;
    let shared = Arc::default();
    let mut users: Vec<User> = (0..3).map(|_| User::new(peer.address, &shared, Expect::default(), "{}")).collect();
    for round in 1..=4 {
        for user in &mut users {
            let found = user.send().await;
            assert_eq!((found.outcome, found.reconnects), (Outcome::Ok, 0), "{found:?}");
        }
        assert_eq!(peer.connections.load(SeqCst), round);
        users.iter_mut().for_each(|user| user.client.close());
    }
}

#[tokio::test]
async fn a_sample_of_the_answers_has_the_time_of_its_arrival() {
    let answer = |_request, mut respond: SendResponse<Bytes>| async move {
        respond.send_response(Response::new(()), true).map(drop)
    };
    let peer = peer(move |socket, _| serve(server::Builder::new(), socket, answer)).await;
    let mut user = User::alone(peer.address);
    let wall = harness_base::clock::real_time;
    let mut known = 0;
    for _ in 0..200 {
        let before = wall();
        let found = user.send().await;
        assert_eq!(found.outcome, Outcome::Ok, "{found:?}");
        if let Some(arrived) = found.arrived {
            known += 1;
            assert!(before <= arrived && arrived <= wall(), "{arrived} is not between {before} and now");
        }
    }
    assert!((2..=60).contains(&known), "{known} of 200");
}
