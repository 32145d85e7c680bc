//! The sidecar between clients and an upstream, either side with TLS.

use hyper::StatusCode;
use nix::sys::signal::Signal;

use super::certificates::Ca;
use super::guest::{Guest, VERSIONS};
use super::{upstream, upstream_named};
use crate::client::Client;
use crate::spawned::{sidecar, sidecar_before, truth};

#[tokio::test]
async fn requests_pass_from_tls_to_tls_and_all_counts_agree() {
    let (front, guests) = (Ca::new(), Ca::new());
    let (own, client_ca) = (front.sign(&["127.0.0.1"]), guests.file());
    let known = guests.sign(&["client.test"]);
    let server = upstream(&["--body", "300000B"]);
    let (url, ca) = (format!("https://{}", server.address), server.ca.file());
    for (round, more) in (1..).zip([&[][..], &["--one-writer", "--workers", "2"][..]]) {
        let flags = [&own.flags()[..], &["--client-ca", &client_ca, "--upstream-ca", &ca], more].concat();
        let (mut process, proxy, admin) = sidecar_before(&url, &flags);
        for version in VERSIONS {
            let guest = Guest { presents: Some(&known), version, ..Guest::of(&front) };
            let mut client = guest.client(proxy).await;
            for _ in 0..10 {
                let answer = client.get("/").await;
                assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 300_000));
            }
        }
        let stranger = Guest::of(&front).stream(proxy).await;
        assert!(stranger.is_err() || tokio::io::AsyncReadExt::read(&mut stranger.unwrap(), &mut [0]).await.is_err());
        let shown = truth(admin).await;
        assert_eq!((shown.connections, shown.requests, shown.forwarded), (3, 20, 20));
        assert_eq!(Guest::of(&server.ca).ledger(server.address).await.total, 20 * round);
        process.signal(Signal::SIGTERM);
        assert_eq!(process.ended().code(), Some(0));
    }
}

#[tokio::test]
async fn either_side_may_have_no_tls() {
    let front = Ca::new();
    let own = front.sign(&["127.0.0.1"]);
    let behind = upstream(&[]);
    // The host of a URL may be a name.
    let url = format!("https://localhost:{}", behind.address.port());
    let (_process, proxy, _) = sidecar_before(&url, &["--upstream-ca", &behind.ca.file()]);
    assert_eq!(Client::connect(proxy).await.get("/").await.body.len(), 1024);

    let plain = crate::client::upstream(&[]).await;
    let (_process, proxy, _) = sidecar_before(&format!("http://{}", plain.address), &own.flags());
    assert_eq!(Guest::of(&front).client(proxy).await.get("/").await.body.len(), 1024);
    assert_eq!(crate::client::ledger(&plain).await.total, 1);
}

#[tokio::test]
async fn an_upstream_that_cannot_be_verified_gets_no_request() {
    let (local, elsewhere) = (upstream(&[]), upstream_named(&["elsewhere.test", "127.0.0.2"], &[]));
    for (server, trusted) in [(&local, &elsewhere.ca), (&elsewhere, &elsewhere.ca)] {
        let url = format!("https://{}", server.address);
        let (_process, proxy, admin) = sidecar_before(&url, &["--upstream-ca", &trusted.file(), "--never-reconnect"]);
        let mut client = Client::connect(proxy).await;
        let answer = client.get("/").await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(text.starts_with(&format!("cannot agree on TLS with the upstream {}: ", server.address)), "{text}");
        let again = client.get("/").await.body;
        assert!(again.starts_with(b"no new connection"), "a failed handshake is a failed attempt: {again:?}");
        let shown = truth(admin).await;
        assert_eq!((shown.forwarded, shown.upstream_connect_failures), (0, 1));
    }
    assert_eq!(Guest::of(&local.ca).ledger(local.address).await.total, 0);
}

#[tokio::test]
async fn errors_below_tls_reach_the_sidecar_as_broken_connections() {
    for kind in ["reset", "close", "garbage", "half-close"] {
        let server = upstream(&["--error-every", "2", "--error-kind", kind]);
        let url = format!("https://{}", server.address);
        let (_process, proxy, admin) = sidecar_before(&url, &["--upstream-ca", &server.ca.file()]);
        let mut client = Client::connect(proxy).await;
        for number in 1..=4 {
            let expected = if number % 2 == 0 { 502 } else { 200 };
            assert_eq!(client.get("/").await.status, expected, "{kind}, request {number}");
        }
        let total = Guest::of(&server.ca).ledger(server.address).await.total;
        assert_eq!((truth(admin).await.forwarded, total), (4, 4), "{kind}");
    }
}

#[test]
fn https_needs_a_ca_and_http_has_none() {
    for (flags, expected) in [
        (&["--upstream", "https://a.test:1"][..], "the upstream https://a.test:1 needs --upstream-ca; pass"),
        (&["--upstream-ca", "ca.pem"][..], "--upstream-ca does not apply to the upstream http://127.0.0.1:8080; write"),
    ] {
        let ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let mut process = sidecar(&[&ports[..], flags].concat());
        let message = process.message();
        assert_eq!(process.ended().code(), Some(1), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}
