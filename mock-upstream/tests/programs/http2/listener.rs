//! One listener for both versions, and many streams on one connection.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::guest::Guest;
use crate::client::{Client, upstream};
use crate::spawned::spawn;
use crate::tls::guest::{Guest as TlsGuest, VERSIONS};

/// The beginning of a connection: the preface, and SETTINGS without a setting.
const BEGINNING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

#[tokio::test]
async fn the_ledger_counts_a_hundred_streams_at_once_exactly() {
    let server = upstream(&[]).await;
    let guest = Guest::connect(server.address).await;
    guest.echo_at_once(100).await;
    let ledger = guest.ledger().await;
    assert_eq!((ledger.total, ledger.hits.len(), ledger.hits[0].hits), (100, 1, 100), "{ledger:?}");
}

#[tokio::test]
async fn both_versions_are_served_by_one_listener() {
    let server = upstream(&[]).await;
    let (mut one, two) = (Client::connect(server.address).await, Guest::connect(server.address).await);
    for total in [2, 4] {
        assert_eq!(one.get("/").await.body.len(), 1024);
        let answer = two.get("/").await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 1024));
        assert!(answer.headers.contains_key("x-upstream-received-ns"));
        assert_eq!(two.ledger().await.total, total);
    }
    let tls = crate::tls::upstream(&[]);
    for version in VERSIONS {
        let guest = TlsGuest { version, ..TlsGuest::of(&tls.ca) };
        let stream = TlsGuest { protocol: b"h2", ..guest }.stream(tls.address).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Guest::over(stream).await.0.echo_at_once(20).await;
        assert_eq!(guest.client(tls.address).await.get("/").await.status, StatusCode::OK);
    }
    assert_eq!(TlsGuest::of(&tls.ca).ledger(tls.address).await.total, 42);
}

#[tokio::test]
async fn delays_of_streams_do_not_add_up() {
    let server = upstream(&["--delay", "200ms"]).await;
    let guest = Guest::connect(server.address).await;
    let begun = Instant::now();
    guest.echo_at_once(50).await;
    // One after the other they would take 10 s.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let delays = guest.ledger().await.delay_ns;
    assert!(delays.count == 50 && delays.sum >= 50 * 200_000_000, "{delays:?}");
}

#[tokio::test]
async fn a_preface_that_comes_in_pieces_is_recognised() {
    let server = upstream(&[]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in BEGINNING {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "SETTINGS: {head:?}");
}

#[tokio::test]
async fn a_preface_that_breaks_off_ends_its_connection() {
    let server = upstream(&[]).await;
    for part in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(part).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut seen = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut seen)).await.unwrap();
        assert!(!seen.starts_with(b"HTTP/1.1 200"), "{seen:?}");
    }
    assert_eq!(Guest::connect(server.address).await.ledger().await.total, 0);
}

#[tokio::test]
async fn sigterm_ends_connections_with_goaway_after_the_streams_in_flight() {
    let mut server =
        spawn(env!("CARGO_BIN_EXE_mock-upstream"), &["--listen", "127.0.0.1:0", "--announce", "--delay", "100ms"]);
    let address: SocketAddr = server.line().trim().strip_prefix("listening ").unwrap().parse().unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut raw = TcpStream::connect(address).await.unwrap();
    raw.write_all(BEGINNING).await.unwrap();
    let (guest, connection) = Guest::over(TcpStream::connect(address).await.unwrap()).await;
    let caller = guest.clone();
    let in_flight = tokio::spawn(async move { caller.try_send(Method::GET, "/", "").await });
    while guest.ledger().await.total == 0 {}
    server.signal(Signal::SIGTERM);
    assert_eq!(in_flight.await.unwrap().unwrap().status, StatusCode::OK);
    connection.await.unwrap().unwrap();
    assert!(guest.try_send(Method::GET, "/", "").await.is_err());
    assert!(kinds(&mut raw).await.contains(&7), "GOAWAY is frame type 7");
    assert_eq!(silent.read(&mut [0; 8]).await.unwrap(), 0, "a connection without a first byte ends too");
    assert_eq!(server.ended().code(), Some(0));
}

/// Reads frames to the end of the connection and returns their types.
async fn kinds(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let (mut kinds, mut rest) = (Vec::new(), &bytes[..]);
    while let [a, b, c, kind, ..] = rest {
        kinds.push(*kind);
        let length = 9 + (usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c));
        rest = rest.get(length..).unwrap_or_default();
    }
    kinds
}
