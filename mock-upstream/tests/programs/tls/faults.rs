//! Injected errors below TLS, as its client sees them.

use std::io::ErrorKind;
use std::net::SocketAddr;

use hyper::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::guest::{Guest, VERSIONS};
use super::upstream;

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\nbody";

/// Returns how the connection of a request ends that is not answered.
async fn end_of_a_request(guest: Guest<'_>, address: SocketAddr) -> ErrorKind {
    let mut stream = guest.stream(address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut seen = Vec::new();
    let error = stream.read_to_end(&mut seen).await.unwrap_err();
    assert_eq!(seen, b"", "{error}");
    error.kind()
}

#[tokio::test]
async fn errors_break_the_socket_without_a_tls_alert() {
    for (name, expected) in [
        ("reset", ErrorKind::ConnectionReset),
        ("close", ErrorKind::UnexpectedEof),
        ("garbage", ErrorKind::InvalidData),
        ("half-close", ErrorKind::UnexpectedEof),
    ] {
        let server = upstream(&["--error-every", "2", "--error-kind", name]);
        for version in VERSIONS {
            let guest = Guest { version, ..Guest::of(&server.ca) };
            assert_eq!(guest.client(server.address).await.get("/").await.status, StatusCode::OK);
            assert_eq!(end_of_a_request(guest, server.address).await, expected, "{name} in {version:?}");
        }
        let total = Guest::of(&server.ca).ledger(server.address).await.total;
        assert_eq!(total, 4, "{name}: an unanswered request is a hit too");
    }
}

#[tokio::test]
async fn garbage_is_not_encrypted() {
    let server = upstream(&["--error-every", "1", "--error-kind", "garbage"]);
    let mut stream = Guest::of(&server.ca).stream(server.address).await.unwrap();
    // The tickets of TLS 1.3 come first.
    stream.write_all(REQUEST).await.unwrap();
    let (mut socket, _) = stream.into_inner();
    let mut seen = Vec::new();
    socket.read_to_end(&mut seen).await.unwrap();
    let plain = b" this is neither HTTP nor TLS ";
    assert!(seen.windows(plain.len()).any(|window| window == plain), "{seen:?}");
}

#[tokio::test]
async fn a_half_closed_socket_still_listens() {
    let server = upstream(&["--error-every", "1", "--error-kind", "half-close"]);
    let mut stream = Guest::of(&server.ca).stream(server.address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    for _ in 0..3 {
        stream.write_all(b"more").await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn faults_are_switched_and_counted_over_tls() {
    let server = upstream(&[]);
    let guest = Guest::of(&server.ca);
    let mut admin = guest.client(server.address).await;
    assert_eq!(admin.get("/__upstream/fault/reset").await.status, StatusCode::OK);
    assert_eq!(end_of_a_request(guest, server.address).await, ErrorKind::ConnectionReset);
    let mut caller = guest.client(server.address).await;
    assert_eq!(admin.get("/__upstream/fault/none").await.json()["faults"]["reset"], 1);
    assert_eq!(caller.get("/").await.status, StatusCode::OK);

    // A connection in its handshake ends too when the upstream goes down; that of the commands survives.
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(guest.client(server.address).await.get("/").await.status, StatusCode::OK);
    assert_eq!(admin.get("/__upstream/fault/down").await.status, StatusCode::OK);
    assert_eq!(silent.read(&mut [0; 8]).await.unwrap(), 0);
    assert!(caller.try_send(Method::GET, "/", "").await.is_err());
    assert!(admin.get("/__upstream/fault/none").await.json()["faults"]["down"].as_u64().unwrap() >= 2);
}

#[tokio::test]
async fn delays_are_counted_over_tls() {
    let server = upstream(&["--delay", "2ms"]);
    let guest = Guest::of(&server.ca);
    let mut client = guest.client(server.address).await;
    for _ in 0..5 {
        client.get("/").await;
    }
    let delays = guest.ledger(server.address).await.delay_ns;
    assert!(delays.count == 5 && delays.sum >= 10_000_000, "{delays:?}");
}
