//! Servers that break the protocol, or end what they began: each request ends in time with a named outcome.

use super::*;
use crate::http2::scanner::tests::frame;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// `:status: 200` in the static table of HPACK (RFC 7541, appendix A).
const OK: &[u8] = &[0x88];

const CANCEL: u32 = 8;
const REFUSED_STREAM: u32 = 7;

fn go_away(last_stream: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last_stream.to_be_bytes(), code.to_be_bytes()].concat())
}

fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

fn ok(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, OK)
}

/// A field that is not indexed, with a new name.
fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        let length = text.len();
        let prefix = if length < 127 {
            vec![length as u8]
        } else {
            let (mut bytes, mut rest) = (vec![127], length - 127);
            while rest >= 128 {
                bytes.push((rest % 128) as u8 | 0x80);
                rest /= 128;
            }
            bytes.push(rest as u8);
            bytes
        };
        [prefix, text.as_bytes().to_vec()].concat()
    };
    [vec![0], text(name), text(value)].concat()
}

/// Reads frames until one has this kind. Returns its stream; `None` when the client is gone.
async fn until(socket: &mut TcpStream, kind: u8) -> Option<u32> {
    loop {
        let mut header = [0; 9];
        socket.read_exact(&mut header).await.ok()?;
        let [a, b, c, found, _, stream @ ..] = header;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        socket.read_exact(&mut payload).await.ok()?;
        if found == kind {
            return Some(u32::from_be_bytes(stream));
        }
    }
}

/// A server that reads the preface, sends SETTINGS, and answers each request with `answer`, given the numbers of connection and stream.
/// An answer that is `true` closes the connection.
async fn server(answer: impl Fn(u64, u32) -> (Vec<u8>, bool) + Clone + Send + Sync + 'static) -> Peer {
    peer(move |mut socket, number| {
        let answer = answer.clone();
        async move {
            let mut preface = [0; 24];
            if socket.read_exact(&mut preface).await.is_err() {
                return;
            }
            socket.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
            while let Some(stream) = until(&mut socket, HEADERS).await {
                let (bytes, closes) = answer(number, stream);
                if socket.write_all(&bytes).await.is_err() || closes {
                    break;
                }
            }
        }
    })
    .await
}

/// Sends one request to a server that answers with `answer`.
async fn one(answer: impl Fn(u64, u32) -> (Vec<u8>, bool) + Clone + Send + Sync + 'static) -> (Completion, u64) {
    let peer = server(answer).await;
    let completion = User::alone(peer.address).send().await;
    (completion, peer.connections.load(SeqCst))
}

fn failed(completion: &Completion, outcome: Outcome, words: &str) {
    let message = completion.message.as_deref().unwrap_or_default();
    assert!(completion.outcome == outcome && message.contains(words), "{words:?}: {completion:?}");
}

#[tokio::test]
async fn a_stream_that_is_reset_is_named_with_its_code() {
    let head = |stream| frame(HEADERS, END_HEADERS, stream, OK);
    let before: [fn(u32) -> Vec<u8>; 3] =
        [|_| Vec::new(), |stream| frame(HEADERS, END_HEADERS, stream, OK), |stream| frame(DATA, 0, stream, b"part")];
    for (stage, begin) in before.into_iter().enumerate() {
        let answer = move |_, stream| {
            let head = if stage == 2 { head(stream) } else { Vec::new() };
            ([head, begin(stream), reset(stream, CANCEL)].concat(), false)
        };
        let (found, connections) = one(answer).await;
        failed(&found, Outcome::Reset, "CANCEL");
        assert_eq!((found.writes, connections), (1, 1), "at stage {stage}");
    }
}

#[tokio::test]
async fn a_refused_stream_is_repeated_once() {
    let once = |_, stream| (if stream == 1 { reset(stream, REFUSED_STREAM) } else { ok(stream) }, false);
    let (found, connections) = one(once).await;
    assert_eq!((found.outcome, found.writes, connections), (Outcome::Ok, 1, 1), "{found:?}");
    let (found, connections) = one(|_, stream| (reset(stream, REFUSED_STREAM), false)).await;
    failed(&found, Outcome::Reset, "REFUSED_STREAM");
    assert_eq!((found.writes, connections), (0, 1), "{found:?}");
}

#[tokio::test]
async fn a_request_above_the_last_stream_of_goaway_is_repeated_on_a_new_connection() {
    let first = |number, stream| if number == 0 { (go_away(0, 0), true) } else { (ok(stream), false) };
    let (found, connections) = one(first).await;
    assert_eq!((found.outcome, found.writes, found.reconnects, connections), (Outcome::Ok, 1, 1, 2), "{found:?}");
    let (found, connections) = one(|_, stream| (go_away(stream, 2), true)).await;
    failed(&found, Outcome::Reset, "INTERNAL_ERROR");
    assert_eq!((found.writes, connections), (1, 1), "{found:?}");
}

#[tokio::test]
async fn a_request_that_goaway_includes_is_answered_and_the_next_has_a_new_connection() {
    let peer = server(|_, stream| ([go_away(stream, 0), ok(stream)].concat(), false)).await;
    let mut user = User::alone(peer.address);
    for request in 0..3 {
        let found = user.send().await;
        assert_eq!((found.outcome, found.reconnects), (Outcome::Ok, u64::from(request > 0)), "{found:?}");
        assert_eq!(peer.connections.load(SeqCst), request + 1);
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_http2_is_a_connect_error() {
    for (greeting, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..], "does not speak HTTP/2"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP/2"),
        (b"", "closed the connection before it spoke HTTP/2"),
        (&go_away(0, 0xd), "does not speak HTTP/2"),
        (&[frame(SETTINGS, 0, 0, &[]), go_away(0, 0xc)].concat(), ""),
    ] {
        let greeting = greeting.to_vec();
        let peer = peer(move |mut socket, _| {
            let greeting = greeting.clone();
            async move {
                let _ = socket.write_all(&greeting).await;
                let _ = socket.shutdown().await;
                while let Ok(1..) = socket.read(&mut [0; 1024]).await {}
            }
        });
        let found = User::alone(peer.await.address).send().await;
        if words.is_empty() {
            assert!(matches!(found.outcome, Outcome::Connect | Outcome::Reset), "{found:?}");
        } else {
            failed(&found, Outcome::Connect, words);
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_the_protocol_is_named() {
    let many: Vec<u8> = (0..101).flat_map(|number| field(&format!("x{number}"), "y")).collect();
    let large: Vec<u8> = (0..9).flat_map(|number| field(&format!("x{number}"), &"y".repeat(8000))).collect();
    let length = [OK, &field("content-length", "5")].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("too many fields", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[OK, &many].concat()), "101 fields"),
        ("a head above the limit", split(&[OK, &large].concat()), "PROTOCOL_ERROR"),
        (
            "a length that is not kept",
            [frame(HEADERS, END_HEADERS, 1, &length), frame(DATA, END_STREAM, 1, b"a")].concat(),
            "not HTTP/2",
        ),
        ("no status", frame(HEADERS, END_HEADERS | END_STREAM, 1, &field("a", "b")), "not HTTP/2"),
        ("content before the head", frame(DATA, END_STREAM, 1, b"a"), "not HTTP/2"),
        ("a compressed head that is not", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 20]), "not HTTP/2"),
        ("a frame that is too large", frame(DATA, 0, 1, &[0; 20_000]), "not HTTP/2"),
        ("a pushed stream", frame(5, END_HEADERS, 1, &[&2u32.to_be_bytes(), OK].concat()), "not HTTP/2"),
    ];
    for (what, bytes, words) in cases {
        let (found, _) = one(move |_, _| (bytes.clone(), false)).await;
        let message = found.message.as_deref().unwrap_or_default();
        let is_named = message.contains(words) || words == "PROTOCOL_ERROR" && message.contains("not HTTP/2");
        assert!(found.outcome == Outcome::Reset && is_named, "{what}: {found:?}");
    }
}

/// A head in as many frames as it needs.
fn split(block: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = block.chunks(16_000).collect();
    let frames = parts.iter().enumerate().map(|(number, part)| {
        let last = if number + 1 == parts.len() { END_HEADERS } else { 0 };
        let (kind, ends) = if number == 0 { (HEADERS, END_STREAM) } else { (CONTINUATION, 0) };
        frame(kind, last | ends, 1, part)
    });
    frames.collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn a_connection_that_closes_within_an_answer_is_named() {
    let (found, _) = one(|_, _| (Vec::new(), true)).await;
    failed(&found, Outcome::Reset, "closed without an answer");
    let (found, _) = one(|_, stream| (frame(HEADERS, END_HEADERS, stream, OK), true)).await;
    failed(&found, Outcome::Reset, "closed within the answer");
}

/// The time within which a request must end, and how much later it may on a busy machine.
const TIMEOUT: Nanos = Nanos::from_millis(300);
const LATE: Nanos = Nanos::from_secs(20);

/// Sends a request to a server that goes on with `more` until the client is gone.
async fn flooded(begin: Vec<u8>, more: Vec<u8>) -> Completion {
    let peer = peer(move |mut socket, _| {
        let (begin, more) = (begin.clone(), more.clone());
        async move {
            let mut preface = [0; 24];
            let _ = socket.read_exact(&mut preface).await;
            let (mut receive, mut send) = socket.into_split();
            let reads = async move { while let Ok(1..) = receive.read(&mut [0; 65536]).await {} };
            let writes = async move {
                let greeting = [frame(SETTINGS, 0, 0, &[]), begin].concat();
                if send.write_all(&greeting).await.is_ok() {
                    while !more.is_empty() && send.write_all(&more).await.is_ok() {}
                }
                send
            };
            let _ = tokio::join!(reads, writes);
        }
    })
    .await;
    let mut user = User::alone(peer.address);
    user.timeout = TIMEOUT;
    let begun = Mono::now();
    let found = user.send().await;
    assert!(Mono::now().since(begun) < LATE, "{found:?}");
    found
}

#[tokio::test]
async fn floods_end_with_the_timeout_or_the_connection() {
    let settings = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
    for flood in [settings, frame(PING, 0, 0, &[0; 8]), frame(CONTINUATION, 0, 1, &[]), frame(42, 0, 0, &[0; 100])] {
        let kind = flood[3];
        let found = flooded(Vec::new(), flood.repeat(1000)).await;
        assert!(matches!(found.outcome, Outcome::Timeout | Outcome::Reset | Outcome::Connect), "{kind}: {found:?}");
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() {
    let peer = server(|_, stream| {
        let more = frame(CONTINUATION, 0, stream, &field("a", "b")).repeat(10_000);
        ([frame(HEADERS, 0, stream, OK), more].concat(), false)
    });
    let mut user = User::alone(peer.await.address);
    user.timeout = LATE;
    failed(&user.send().await, Outcome::Reset, "not HTTP/2");
}

#[tokio::test]
async fn a_window_that_never_opens_is_a_timeout() {
    let found = flooded(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), Vec::new()).await;
    failed(&found, Outcome::Timeout, "timeout");
}

#[tokio::test]
async fn a_silent_connection_is_given_up_and_one_that_speaks_is_kept() {
    for (speaks, connections) in [(false, 3), (true, 1)] {
        let peer = server(move |_, _| (if speaks { frame(PING, 0, 0, &[0; 8]) } else { Vec::new() }, false)).await;
        let mut user = User::alone(peer.address);
        user.timeout = Nanos::from_millis(100);
        for _ in 0..3 {
            let found = user.send().await;
            failed(&found, Outcome::Timeout, "timeout");
            assert_eq!((found.writes, found.reconnects), (1, 0), "{found:?}");
        }
        assert_eq!(peer.connections.load(SeqCst), connections, "the server speaks: {speaks}");
    }
}

#[tokio::test]
async fn a_request_that_times_out_leaves_the_others_alone() {
    // The first stream is never answered.
    let peer = server(|_, stream| (if stream == 1 { Vec::new() } else { ok(stream) }, false)).await;
    let shared = Arc::default();
    let user = || User::new(peer.address, &shared, Expect::default(), "{}");
    let (mut slow, mut quick) = (user(), user());
    slow.timeout = TIMEOUT;
    let slow = tokio::spawn(async move { (slow.send().await, slow.send().await) });
    tokio::time::sleep(Duration::from_millis(50)).await;
    while !slow.is_finished() {
        let found = quick.send().await;
        assert_eq!((found.outcome, found.reconnects), (Outcome::Ok, 0), "{found:?}");
    }
    let (timeout, next) = slow.await.unwrap();
    assert_eq!((timeout.outcome, next.outcome), (Outcome::Timeout, Outcome::Ok));
    assert_eq!(peer.connections.load(SeqCst), 1);
}
