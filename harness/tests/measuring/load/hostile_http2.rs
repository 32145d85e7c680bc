//! Floods of HTTP/2 frames: each ends in an outcome, in time, and within bounded memory.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use harness::measure::Outcome;
use harness_load::frames::PreflightAnswer;
use harness_load::spec::{Http2, Request};

use super::hostile::{TIMEOUT, ends_in_time};
use super::{Load, request};
use crate::alone;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Bytes that are sent once, bytes that are sent until the connection ends, and the outcomes that this may have.
type Flood = (&'static str, Vec<u8>, Vec<u8>, &'static [Outcome]);

fn floods() -> Vec<Flood> {
    const TIMES_OUT: &[Outcome] = &[Outcome::Timeout];
    const EITHER: &[Outcome] = &[Outcome::Timeout, Outcome::Reset];
    let head = frame(1, 0x4, 1, &[0x88]);
    vec![
        ("settings", Vec::new(), frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]), TIMES_OUT),
        ("pings", Vec::new(), frame(6, 0, 0, &[0; 8]), TIMES_OUT),
        ("frames of an unknown kind", Vec::new(), frame(42, 0, 0, &[0; 100]), TIMES_OUT),
        ("window updates", Vec::new(), frame(8, 0, 1, &[0, 0, 0, 1]), EITHER),
        ("resets of the same stream", Vec::new(), frame(3, 0, 1, &[0, 0, 0, 8]), &[Outcome::Reset]),
        ("informational heads", Vec::new(), frame(1, 0x4, 1, &[0x08, 3, b'1', b'0', b'3']), TIMES_OUT),
        ("a head without an end", frame(1, 0, 1, &[0x88]), frame(9, 0, 1, &[0, 1, b'a', 1, b'b']), &[Outcome::Reset]),
        ("empty frames of content", head.clone(), frame(0, 0, 1, &[]), EITHER),
        ("content of single bytes", head.clone(), frame(0, 0, 1, b"["), EITHER),
        ("content beyond the window", head.clone(), frame(0, 0, 1, &[b'['; 16_384]), EITHER),
        ("padding", head, frame(0, 0x8, 1, &[255; 256]), EITHER),
    ]
}

/// Answers every connection with a flood, each on a thread that ends with its connection.
fn serve(begin: Vec<u8>, more: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for peer in listener.incoming().map_while(Result::ok) {
            let (begin, more) = (begin.clone(), more.repeat(100));
            std::thread::spawn(move || {
                // A flood ends when the generator has closed the connection.
                let _closed = flood(peer, &begin, &more);
            });
        }
    });
    address
}

fn flood(mut peer: TcpStream, begin: &[u8], more: &[u8]) -> io::Result<()> {
    peer.write_all(&frame(4, 0, 0, &[]))?;
    // The request has arrived once its body has.
    let mut received = Vec::new();
    while !received.ends_with(b"{}") {
        let mut part = [0; 4096];
        match peer.read(&mut part)? {
            0 => return Ok(()),
            length => received.extend_from_slice(&part[..length]),
        }
    }
    let mut reading = peer.try_clone()?;
    std::thread::spawn(move || while let Ok(1..) = reading.read(&mut [0; 65_536]) {});
    peer.write_all(begin)?;
    loop {
        peer.write_all(more)?;
    }
}

#[tokio::test]
async fn floods_of_http2_frames_end_in_time_and_take_no_memory() {
    let _alone = alone();
    for (what, begin, more, outcomes) in floods() {
        let request = Request { timeout: TIMEOUT, ..request("one", 1, "/") };
        let mut load = Load::with(serve(begin, more), 1, vec![request], Some(Http2::default())).await;
        let check = |answer: PreflightAnswer| {
            assert!(outcomes.contains(&answer.outcome), "{what}: {:?}: {:?}", answer.outcome, answer.example);
        };
        ends_in_time(&mut load, what, check).await;
        load.end().await;
    }
}
