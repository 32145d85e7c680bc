//! Answers that are meant to harm the generator: each ends in an outcome with its reason, in time, and within bounded memory.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use harness::measure::{Arm, Outcome};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::LoadEngine as _;
use harness_load::frames::PreflightAnswer;
use harness_load::spec::{Expect, Request};

use super::{Load, request};
use crate::alone;

type Attack = fn(&mut TcpStream) -> io::Result<()>;

pub(super) const TIMEOUT: Nanos = Nanos::from_millis(400);
/// How long after its timeout a request may end.
const LATE: Nanos = Nanos::from_millis(100);
/// The memory that an answer may take, in KiB.
const MEMORY: u64 = 64 << 10;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// The bytes that are sent, the outcome, and the beginning of its reason.
const ATTACKS: [(&str, Attack, Outcome, &str); 13] = [
    (
        "a head in single bytes",
        |peer| drip(peer, b"HTTP/1.1 200 OK\r\nx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"),
        Outcome::Timeout,
        "no complete answer",
    ),
    (
        "a head without an end",
        |peer| repeat(peer, HEAD, b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"),
        Outcome::Reset,
        "the answer is not HTTP/1: too many headers",
    ),
    (
        "a field without an end",
        |peer| repeat(peer, b"HTTP/1.1 200 OK\r\nx: ", &[b'y'; 4096]),
        Outcome::Reset,
        "the head of the answer is longer",
    ),
    (
        "interim answers without an end",
        |peer| repeat(peer, b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        Outcome::Timeout,
        "no complete answer",
    ),
    (
        "empty lines without an end",
        |peer| repeat(peer, b"", b"\r\n"),
        Outcome::Reset,
        "the head of the answer is longer",
    ),
    (
        "a body of 10 GB",
        |peer| repeat(peer, b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n", &[b'['; 65_536]),
        Outcome::Timeout,
        "no complete answer",
    ),
    (
        "a body until the end that never comes",
        |peer| repeat(peer, b"HTTP/1.1 200 OK\r\n\r\n[", &[b'7'; 65_536]),
        Outcome::Timeout,
        "no complete answer",
    ),
    (
        "a body shorter than its length",
        |peer| repeat(peer, b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}", b""),
        Outcome::Timeout,
        "no complete answer",
    ),
    (
        "an invalid chunk size",
        |peer| send(peer, CHUNKED, b"zz\r\n{}\r\n0\r\n\r\n"),
        Outcome::Reset,
        "the size of a chunk",
    ),
    (
        "an extension without an end",
        |peer| repeat(peer, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", &[b'x'; 4096]),
        Outcome::Reset,
        "chunk extensions or trailers",
    ),
    (
        "trailers without an end",
        |peer| repeat(peer, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n"),
        Outcome::Reset,
        "chunk extensions or trailers",
    ),
    ("an early end", |peer| send(peer, CHUNKED, b"10\r\n{}"), Outcome::Reset, "closed within the body"),
    (
        "a redirection to itself",
        |peer| send(peer, b"HTTP/1.1 302 Found\r\nlocation: /\r\n", b"content-length: 0\r\n\r\n"),
        Outcome::WrongStatus,
        "status 302",
    ),
];

fn send(peer: &mut TcpStream, first: &[u8], then: &[u8]) -> io::Result<()> {
    peer.write_all(&[first, then].concat())
}

/// Sends `again` until the generator closes the connection; waits for that if it is empty.
fn repeat(peer: &mut TcpStream, first: &[u8], again: &[u8]) -> io::Result<()> {
    peer.write_all(first)?;
    while !again.is_empty() {
        peer.write_all(again)?;
    }
    peer.read(&mut [0]).map(drop)
}

fn drip(peer: &mut TcpStream, text: &[u8]) -> io::Result<()> {
    for byte in text.iter().cycle() {
        peer.write_all(&[*byte])?;
        std::thread::sleep(Duration::from_millis(15));
    }
    Ok(())
}

/// Answers every connection with an attack, each on a thread that ends with its connection.
fn serve(attack: Attack) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut peer in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let read = peer.read(&mut [0; 4096]);
                // An attack ends when the generator has closed the connection.
                let _closed = read.and_then(|_| attack(&mut peer));
            });
        }
    });
    address
}

/// Returns the largest resident memory of a process so far, in KiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn hostile_answers_end_in_time_with_their_reason_and_take_no_memory() {
    let _alone = alone();
    let expect =
        Expect { equals: vec![("/a".to_owned(), 1.into())], present: vec!["/a".to_owned()], ..Expect::default() };
    for (what, attack, outcome, reason) in ATTACKS {
        let request = Request { timeout: TIMEOUT, expect: expect.clone(), ..request("one", 1, "/") };
        let mut load = Load::start(serve(attack), 1, vec![request]).await;
        let check = |answer: PreflightAnswer| {
            let example = answer.example.unwrap();
            assert!(
                answer.outcome == outcome && example.starts_with(reason),
                "{what}: {:?}: {example}",
                answer.outcome
            );
        };
        ends_in_time(&mut load, what, check).await;
        load.end().await;
    }
}

/// Sends a request, checks its outcome, and that it ended in time and took little memory.
pub(super) async fn ends_in_time(load: &mut Load, what: &str, check: impl Fn(PreflightAnswer)) {
    let before = peak(load.child.id());
    // A busy host can only make them later.
    let mut least = Nanos(u64::MAX);
    for _ in 0..3 {
        let began = Mono::now();
        let answer = load.generator.preflight(Arm::Direct).await.unwrap().answers.remove(0);
        least = least.min(Mono::now().since(began));
        check(answer);
        if least <= TIMEOUT.plus(LATE) {
            break;
        }
    }
    assert!(least <= TIMEOUT.plus(LATE), "{what}: took {least}");
    let used = peak(load.child.id()).saturating_sub(before);
    assert!(used < MEMORY, "{what}: {used} KiB");
}
