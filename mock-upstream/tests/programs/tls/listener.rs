//! The listener: versions, mutual TLS, clients that do not finish a handshake, the end, and files that do not fit.

use std::io::ErrorKind;

use hyper::{Method, StatusCode};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::certificates::Ca;
use super::guest::{Guest, VERSIONS};
use super::upstream;
use crate::spawned::{sidecar, spawn};

#[tokio::test]
async fn requests_are_answered_over_both_versions() {
    let server = upstream(&[]);
    for version in VERSIONS {
        let guest = Guest { version, ..Guest::of(&server.ca) };
        let stream = guest.stream(server.address).await.unwrap();
        let session = stream.get_ref().1;
        assert_eq!(session.protocol_version(), Some(version.version));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
        let mut client = crate::client::Client::over(stream).await;
        let answer = client.get("/").await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 1024));
        assert!(answer.headers.contains_key("x-upstream-received-ns"));
        let body = vec![b'e'; 300_000];
        assert!(client.post("/echo", body.clone()).await.body == body, "many records in both directions");
    }
    assert_eq!(Guest::of(&server.ca).ledger(server.address).await.total, 4);
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_not_trusted() {
    let server = upstream(&[]);
    let error = Guest::of(&Ca::new()).stream(server.address).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    assert_eq!(Guest::of(&server.ca).ledger(server.address).await.total, 0);
}

#[tokio::test]
async fn mutual_tls_serves_only_clients_whose_certificate_the_ca_signed() {
    let (guests, strangers) = (Ca::new(), Ca::new());
    let server = upstream(&["--client-ca", &guests.file()]);
    let (known, unknown) = (guests.sign(&["client.test"]), strangers.sign(&["client.test"]));
    for version in VERSIONS {
        let guest = Guest { version, ..Guest::of(&server.ca) };
        let with = Guest { presents: Some(&known), ..guest };
        assert_eq!(with.client(server.address).await.get("/").await.status, StatusCode::OK);
        for presents in [None, Some(&unknown)] {
            // With TLS 1.3 the client has finished its handshake before the server refuses it.
            if let Ok(mut stream) = (Guest { presents, ..guest }).stream(server.address).await {
                let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
                let error = stream.read(&mut [0; 16]).await.unwrap_err();
                assert_ne!(error.kind(), ErrorKind::UnexpectedEof, "an alert states the reason: {error}");
            }
        }
    }
    let admitted = Guest { presents: Some(&known), ..Guest::of(&server.ca) };
    assert_eq!(admitted.ledger(server.address).await.total, 2);
}

#[tokio::test]
async fn a_client_without_tls_or_without_a_word_holds_up_no_other() {
    let server = upstream(&[]);
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    let mut seen = Vec::new();
    let _ = plain.read_to_end(&mut seen).await;
    assert!(!seen.starts_with(b"HTTP"), "{seen:?}");
    let mut client = Guest::of(&server.ca).client(server.address).await;
    assert_eq!(client.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn sigterm_answers_what_is_in_flight_and_waits_for_no_handshake() {
    let mut server = upstream(&["--delay", "100ms"]);
    let guest = Guest::of(&server.ca);
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let mut idle = guest.stream(server.address).await.unwrap();
    let mut client = guest.client(server.address).await;
    let in_flight = tokio::spawn(async move { client.try_send(Method::GET, "/", "").await });
    while guest.ledger(server.address).await.total == 0 {}
    server.process.signal(Signal::SIGTERM);
    assert_eq!(in_flight.await.unwrap().unwrap().status, StatusCode::OK);
    assert_eq!(idle.read(&mut [0; 16]).await.unwrap(), 0, "closed in order, by TLS too");
    assert_eq!(server.process.ended().code(), Some(0));
}

#[test]
fn files_that_cannot_be_used_are_named_with_what_to_do() {
    let ca = Ca::new();
    let (own, other) = (ca.sign(&["a.test"]), ca.sign(&["b.test"]));
    let empty = ca.beside("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let program = env!("CARGO_BIN_EXE_mock-upstream");
    let error = |flags: &[&str]| {
        let mut process = spawn(program, flags);
        let message = process.message();
        assert_eq!(process.ended().code(), Some(1), "{flags:?}: {message}");
        message
    };
    let message = error(&["--tls-cert", "/no/cert.pem", "--tls-key", &own.key]);
    assert!(message.contains("cannot read a certificate from /no/cert.pem (--tls-cert): "), "{message}");
    let message = error(&["--tls-cert", &own.cert, "--tls-key", &own.cert]);
    assert!(message.contains(&format!("cannot read a private key from {} (--tls-key): ", own.cert)), "{message}");
    let message = error(&["--tls-cert", &own.cert, "--tls-key", &other.key]);
    let pair = format!("cannot use the certificate {} (--tls-cert) with the key {} (--tls-key): ", own.cert, other.key);
    assert!(message.contains(&pair), "{message}");
    let message = error(&[&own.flags()[..], &["--client-ca", &empty]].concat());
    assert!(message.contains(&format!("cannot read a certificate from {empty} (--client-ca): ")), "{message}");
    let message = error(&[&own.flags()[..], &["--client-ca", &own.key]].concat());
    assert!(message.ends_with("pass a readable PEM file that contains a certificate\n"), "{message}");
}

#[test]
fn flags_that_belong_together_are_required_together() {
    let program = env!("CARGO_BIN_EXE_mock-upstream");
    for flags in [["--tls-cert", "a"], ["--tls-key", "a"], ["--client-ca", "a"]] {
        assert_eq!(spawn(program, &flags).ended().code(), Some(2), "{flags:?}");
        assert_eq!(sidecar(&flags).ended().code(), Some(2), "{flags:?}");
    }
}
