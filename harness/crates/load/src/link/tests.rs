use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::spec::Expect;
use harness_base::units::Nanos;

/// Describes the answer to a request: the end of the connection, the status, the length and the beginning of the body; or the error.
type Seen = Result<(bool, String), String>;

const TEXT: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// An expectation that no body meets, so that its length and content are described.
fn expected() -> Expected {
    Expected::new(&Expect { length: Some(u64::MAX), ..Expect::default() }).unwrap()
}

/// Receives a request with the body `{}`, sends `answer` in parts of `size` bytes, and closes the connection.
async fn peer(mut socket: DuplexStream, answer: &[u8], size: usize) {
    let mut request = Vec::new();
    while !request.ends_with(b"{}") {
        if socket.read_buf(&mut request).await.unwrap() == 0 {
            return;
        }
    }
    for part in answer.chunks(size.max(1)) {
        if socket.write_all(part).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    let _ = socket.shutdown().await;
}

/// Reads `answer` as the link does.
fn ours(answer: &[u8], size: usize, is_head: bool) -> Seen {
    runtime().block_on(async {
        let (mut near, far) = duplex(1 << 20);
        let (mut judge, mut deadline, expected) = (Judge::default(), Deadline::new(), expected());
        let now = Mono::now();
        deadline.set(now, now.after(Nanos::from_secs(60)));
        let mut exchange = Exchange::new(Message { text: TEXT, body: None, is_head, expected: &expected }, &mut judge);
        let read = poll_fn(|cx| exchange.poll(&mut near, &mut deadline, cx));
        let (read, ()) = tokio::join!(read, peer(far, answer, size));
        let keep_alive = exchange.keep_alive;
        match read {
            Ok(found) => {
                assert!(found.headers <= found.last && found.first_body.is_none_or(|first| first <= found.last));
                judge.outcome(&expected);
                Ok((keep_alive, judge.example()))
            }
            Err(reason) => Err(reason.to_string()),
        }
    })
}

/// Reads `answer` as hyper does.
fn hypers(answer: &[u8], size: usize, is_head: bool) -> Seen {
    runtime().block_on(async {
        let (near, far) = duplex(1 << 20);
        let method = if is_head { "HEAD" } else { "POST" };
        let request =
            hyper::Request::builder().method(method).uri("/").header("host", "a").header("content-length", "2");
        let request = request.body(Full::new(Bytes::from_static(b"{}"))).unwrap();
        let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
        let read = async {
            let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
            let mut judge = Judge::default();
            judge.head(&expected(), status, |_, _| false);
            judge.chunk(&expected(), &body, Mono::now);
            judge.outcome(&expected());
            Ok(judge.example())
        };
        let (read, _, ()) = tokio::join!(read, driver, peer(far, answer, size));
        read.map(|example| (false, example))
    })
}

fn answer(text: &str) -> Seen {
    let whole = ours(text.as_bytes(), usize::MAX, false);
    for size in 1..text.len() {
        assert_eq!(ours(text.as_bytes(), size, false), whole, "in parts of {size}: {text:?}");
    }
    whole
}

fn example(keep_alive: bool, status: u16, body: &str) -> Seen {
    let length = format!("status {status}, {} bytes instead of {}", body.len(), u64::MAX);
    Ok((keep_alive, if body.is_empty() { format!("{length}, no body") } else { format!("{length}: {body}") }))
}

#[test]
fn an_answer_is_the_same_however_it_arrives() {
    let failed = |status: u16, body: &str| {
        // Of a wrong status, the length is not compared.
        Ok((true, format!("status {status}: {body}")))
    };
    assert_eq!(answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"), example(true, 200, "hello"));
    assert_eq!(answer("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n"), example(true, 204, ""));
    assert_eq!(answer("HTTP/1.1 200 OK\r\n\r\nuntil the end"), example(false, 200, "until the end"));
    assert_eq!(answer("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nab"), example(false, 200, "ab"));
    assert_eq!(
        answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\nt: u\r\n\r\n"),
        example(true, 200, "abc")
    );
    assert_eq!(
        answer(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: a\r\n\r\nHTTP/1.1 500 X\r\ncontent-length: 1\r\n\r\na"
        ),
        failed(500, "a")
    );
}

#[test]
fn every_way_to_break_off_has_its_name() {
    for (text, error) in [
        ("", "closed without an answer"),
        ("HTTP/1.1 200 OK\r\ncont", "closed within the head of the answer"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell", "closed within the body of the answer"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            "closed within the body of the answer",
        ),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx", "the size of a chunk is not a hexadecimal number"),
        ("HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\n", "the content-length of the answer is not one number"),
        ("HTTP/1.1 100 Continue\r\n\r\n", "closed without an answer"),
    ] {
        assert_eq!(answer(text), Err(error.to_owned()), "{text:?}");
    }
    assert!(answer("SSH-2.0-OpenSSH\r\n").unwrap_err().starts_with("the answer is not HTTP/1: "));
}

#[test]
fn a_connection_with_bytes_after_the_answer_is_not_used_again() {
    let text = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabc";
    assert_eq!(ours(text, usize::MAX, false), example(false, 200, "a"));
    assert_eq!(ours(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", 7, true), example(true, 200, ""));
}

/// Parts of answers, which are combined at random: valid ones are frequent, mistakes are rare.
fn parts() -> impl Strategy<Value = Vec<u8>> {
    let status = prop_oneof![
        8 => Just("HTTP/1.1 200 OK\r\n"), 1 => Just("HTTP/1.0 200 OK\r\n"), 1 => Just("HTTP/1.1 204 No\r\n"),
        1 => Just("HTTP/1.1 304 No\r\n"), 1 => Just("HTTP/1.1 404\r\n"), 1 => Just("HTTP/2.0 200 OK\r\n"),
        1 => Just("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), 1 => Just("HTTP/1.1 200 OK\n"), 1 => Just("200 OK\r\n"),
    ];
    let field = prop_oneof![
        4 => Just("content-length: 5\r\n"), 4 => Just("Transfer-Encoding: chunked\r\n"), 2 => Just("x-y: z\r\n"),
        1 => Just("content-length: 5, 5\r\n"), 1 => Just("content-length: 4\r\n"), 1 => Just("content-length: +5\r\n"),
        1 => Just("transfer-encoding: gzip\r\n"), 1 => Just("transfer-encoding: gzip, chunked\r\n"), 1 => Just("connection: close\r\n"),
        1 => Just("bad name: x\r\n"), 1 => Just("content-length:\r\n"), 1 => Just(" folded: x\r\n"), 1 => Just("x: \u{e9}\r\n"),
    ];
    let body = prop_oneof![
        4 => Just("hello"), 4 => Just("5\r\nhello\r\n0\r\n\r\n"), 2 => Just("2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\na: b\r\n\r\n"),
        1 => Just("hell"), 1 => Just("hello, world"), 1 => Just("5\nhello\n0\n\n"), 1 => Just("5 \t\r\nhello\r\n00\r\n\r\n"),
        1 => Just("5\r\nhello0\r\n\r\n"), 1 => Just("FFFFFFFFFFFFFFFFF\r\n"), 1 => Just(""), 1 => Just("0\r\nbad trailer\r\n\r\n"),
        1 => Just("5;\"\n\"\r\nhello\r\n0\r\n\r\n"),
    ];
    let change = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    (status, prop::collection::vec(field, 0..4), body, change).prop_map(|(status, fields, body, change)| {
        let mut text = format!("{status}{}\r\n{body}", fields.concat()).into_bytes();
        if let Some((place, byte)) = change {
            let place = place.index(text.len());
            text[place] = byte;
        }
        text
    })
}

proptest! {
    /// Checks that the link reads the answers that hyper reads, and refuses those that hyper refuses.
    #[test]
    fn answers_are_read_as_hyper_reads_them(text in parts(), size in 1usize..40, is_head in any::<bool>()) {
        let (found, known) = (ours(&text, size, is_head), hypers(&text, size, is_head));
        let shown = String::from_utf8_lossy(&text);
        match (&found, &known) {
            (Ok((_, found)), Ok((_, known))) => prop_assert_eq!(found, known, "{:?}", shown),
            (found, known) => prop_assert!(found.is_err() && known.is_err(), "{:?}: {:?}, hyper: {:?}", shown, found, known),
        }
    }
}
