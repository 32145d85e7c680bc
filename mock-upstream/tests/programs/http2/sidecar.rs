//! The sidecar between clients and an upstream, either side with HTTP/2.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::header::{CONNECTION, HOST};
use hyper::{Method, Response, StatusCode, Version};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::guest::Guest;
use crate::client::{Client, ledger, pair};
use crate::spawned::{sidecar_before, sidecar_for, truth};
use crate::tls::certificates::{Ca, Identity};
use crate::tls::guest::Guest as TlsGuest;

const VERSIONS: [&[&str]; 2] = [&[], &["--upstream-http", "2"]];

#[tokio::test]
async fn both_versions_pass_to_both_versions_and_all_counts_agree() {
    for flags in VERSIONS {
        let pair = pair(flags, &[]).await;
        Guest::connect(pair.proxy.address).await.echo_at_once(100).await;
        let mut client = Client::connect(pair.proxy.address).await;
        for _ in 0..10 {
            let answer = client.post("/echo", "body").await;
            assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"body"[..]));
        }
        let shown = pair.truth();
        assert_eq!((shown.connections, shown.requests, shown.forwarded), (2, 110, 110), "{flags:?}");
        assert_eq!(ledger(&pair.upstream).await.total, 110);
    }
}

#[tokio::test]
async fn tls_on_either_side_agrees_on_the_version() {
    let front = Ca::new();
    let own = front.sign(&["127.0.0.1"]);
    let behind = crate::tls::upstream(&[]);
    let (url, ca) = (format!("https://{}", behind.address), behind.ca.file());
    for (round, flags) in (1..).zip(VERSIONS) {
        let (_process, proxy, admin) =
            sidecar_before(&url, &[&own.flags()[..], &["--upstream-ca", &ca], flags].concat());
        let stream = TlsGuest { protocol: b"h2", ..TlsGuest::of(&front) }.stream(proxy).await.unwrap();
        Guest::over(stream).await.0.echo_at_once(30).await;
        assert_eq!(TlsGuest::of(&front).client(proxy).await.get("/").await.status, StatusCode::OK);
        assert_eq!(truth(admin).await.forwarded, 31);
        assert_eq!(TlsGuest::of(&behind.ca).ledger(behind.address).await.total, 31 * round);
    }
}

/// Serves connections of HTTP/2 with the server of the `h2` crate. Each answer names the number of its connection.
async fn stranger(listener: TcpListener) {
    for connection in 1.. {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut streams = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = streams.accept().await {
                assert_eq!(request.version(), Version::HTTP_2);
                let headers = request.headers();
                assert!(!headers.contains_key(HOST) && !headers.contains_key(CONNECTION), "{headers:?}");
                assert_eq!(request.uri().scheme_str(), Some("http"));
                let seen = format!("{} {} {connection}", request.uri().authority().unwrap(), request.uri().path());
                let response = Response::builder().header("x-seen", seen).body(()).unwrap();
                let mut body = respond.send_response(response, false).unwrap();
                body.send_data(Bytes::from_static(b"stranger"), true).unwrap();
            }
        });
    }
}

#[tokio::test]
async fn the_streams_of_a_client_share_a_connection_to_the_upstream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let task = tokio::spawn(stranger(listener));
    let (_process, proxy, _) = sidecar_for(upstream, VERSIONS[1]);
    let guest = Guest::connect(proxy).await;
    let streams: Vec<_> = (0..50)
        .map(|_| {
            let guest = guest.clone();
            tokio::spawn(async move { guest.get("/a").await })
        })
        .collect();
    for stream in streams {
        let answer = stream.await.unwrap();
        assert_eq!(
            (answer.headers["x-seen"].as_bytes(), &answer.body[..]),
            (&b"guest.test /a 1"[..], &b"stranger"[..])
        );
    }
    let mut client = Client::connect(proxy).await;
    for _ in 0..3 {
        assert_eq!(client.get("/b").await.headers["x-seen"], "test /b 2");
    }
    task.abort();
}

#[tokio::test]
async fn delays_of_streams_do_not_add_up_and_long_answers_hold_up_no_other() {
    for flags in VERSIONS {
        let flags = [flags, &["--add-latency", "100ms", "--add-latency-response", "100ms"]].concat();
        let pair = pair(&flags, &["--sse-events", "2", "--sse-interval", "60s"]).await;
        let guest = Guest::connect(pair.proxy.address).await;
        let caller = guest.clone();
        let long = tokio::spawn(async move { caller.try_send(Method::GET, "/sse", "").await.is_ok() });
        let begun = Instant::now();
        while ledger(&pair.upstream).await.total == 0 {}
        guest.echo_at_once(50).await;
        assert!(begun.elapsed() < Duration::from_secs(5), "one after the other they would take 10 s");
        assert!(!long.is_finished());
        let shown = pair.truth();
        assert_eq!((shown.added_request_ns.count, shown.forwarded), (51, 51));
        assert!(shown.added_request_ns.min.unwrap() >= 100_000_000);
        long.abort();
    }
}

#[tokio::test]
async fn costs_and_errors_meet_streams_as_they_meet_requests() {
    let flags = ["--error-every", "10", "--leak-per-request", "64KiB", "--burn", "100us", "--one-writer"];
    let pair = pair(&flags, &[]).await;
    let guest = Guest::connect(pair.proxy.address).await;
    for number in 1..=20 {
        let expected = if number % 10 == 0 { 500 } else { 200 };
        assert_eq!(guest.get("/").await.status, expected, "request {number}");
    }
    let shown = pair.truth();
    assert_eq!((shown.requests, shown.errors_injected, shown.forwarded), (20, 2, 18));
    assert_eq!((shown.leaked_bytes, shown.burned_cpu_ns.count), (20 * 65_536, 18));
    assert_eq!(ledger(&pair.upstream).await.total, 18);
}

#[tokio::test]
async fn a_freeze_stops_all_streams() {
    let upstream = crate::client::upstream(&[]).await;
    let (_process, proxy, admin) = sidecar_for(upstream.address, &["--freeze-at", "50ms", "--freeze-for", "400ms"]);
    let guest = Guest::connect(proxy).await;
    let mut longest = Duration::ZERO;
    while truth(admin).await.freeze.ended_ns.is_none() {
        let begun = Instant::now();
        guest.echo_at_once(10).await;
        longest = longest.max(begun.elapsed());
    }
    assert!(longest >= Duration::from_millis(300), "{longest:?}");
}

#[tokio::test]
async fn an_upstream_that_resets_streams_or_restarts_is_used_again() {
    for flags in VERSIONS {
        let address = crate::client::quiet_address();
        let upstream = crate::client::upstream_at(address, &["--error-every", "2"]).await;
        let pair = crate::client::pair_with(upstream, flags).await;
        let guest = Guest::connect(pair.proxy.address).await;
        for number in 1..=6 {
            let expected = if number % 2 == 0 { 502 } else { 200 };
            assert_eq!(guest.get("/").await.status, expected, "{flags:?}, request {number}");
        }
        assert_eq!(pair.truth().forwarded, 6);
        pair.upstream.stop().await;
        until_status(&guest, StatusCode::BAD_GATEWAY).await;
        let _again = crate::client::upstream_at(address, &[]).await;
        until_status(&guest, StatusCode::OK).await;
    }
}

async fn until_status(guest: &Guest, wanted: StatusCode) {
    let begun = Instant::now();
    while guest.get("/").await.status != wanted {
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

/// Accepts TLS without agreeing on a protocol, as a server does that knows no ALPN.
async fn without_alpn(listener: TcpListener, own: Identity) {
    let cert = CertificateDer::from_pem_file(&own.cert).unwrap();
    let key = PrivateKeyDer::from_pem_file(&own.key).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![cert], key).unwrap()));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = acceptor.accept(stream).await.unwrap().read(&mut [0; 64]).await;
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_agree_on_http2_gets_no_request() {
    let ca = Ca::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(without_alpn(listener, ca.sign(&["127.0.0.1"])));
    let (_process, proxy, admin) = sidecar_before(&url, &[VERSIONS[1], &["--upstream-ca", &ca.file()]].concat());
    let answer = Guest::connect(proxy).await.get("/").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.body.ends_with(b"does not speak HTTP/2; leave out --upstream-http\n"), "{:?}", answer.body);
    let shown = truth(admin).await;
    assert_eq!((shown.forwarded, shown.upstream_connect_failures), (0, 1));
    task.abort();
}
