//! Faults that are switched while the upstream serves, and what the sidecar makes of an upstream that fails.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use mock_upstream::upstream::LedgerReport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, pair, pair_with, quiet_address, upstream, upstream_at};

const DEADLINE: Duration = Duration::from_secs(20);

async fn switch(admin: &mut Client, words: &str) -> LedgerReport {
    let answer = admin.get(&format!("/__upstream/fault/{words}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{words}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// Waits until connecting goes as `wanted` says.
async fn until(address: std::net::SocketAddr, wanted: impl Fn(&std::io::Result<TcpStream>) -> bool) {
    let begun = Instant::now();
    while !wanted(&TcpStream::connect(address).await) {
        assert!(begun.elapsed() < DEADLINE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn refused(connected: &std::io::Result<TcpStream>) -> bool {
    connected.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[tokio::test]
async fn every_request_meets_the_fault_that_is_on_and_is_counted() {
    let server = upstream(&[]).await;
    let mut admin = Client::connect(server.address).await;
    for (made, words) in (1..).zip(["reset", "half-close", "garbage"]) {
        switch(&mut admin, words).await;
        let mut client = Client::connect(server.address).await;
        assert!(client.try_send(Method::POST, "/echo", "x").await.is_err(), "{words}");
        let faults = switch(&mut admin, "none").await.faults;
        assert_eq!([faults.reset, faults.half_close, faults.garbage].iter().sum::<u64>(), made, "{words}: {faults:?}");
        assert_eq!(Client::connect(server.address).await.get("/").await.status, StatusCode::OK);
    }
    switch(&mut admin, "slow/80ms").await;
    let begun = Instant::now();
    let mut client = Client::connect(server.address).await;
    client.get("/").await;
    assert!(begun.elapsed() >= Duration::from_millis(80));
    client.get("/health").await;
    let report = switch(&mut admin, "none").await;
    assert_eq!((report.faults.slow, report.faults.down), (1, 0), "probes are spared");
    assert_eq!(admin.get("/__upstream/fault/x").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_half_closed_stream_still_listens() {
    let server = upstream(&[]).await;
    switch(&mut Client::connect(server.address).await, "half-close").await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0, "the end, and no byte before it");
    for _ in 0..3 {
        stream.write_all(b"more").await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn an_upstream_that_is_down_refuses_connections_and_comes_back_on_its_port() {
    let server = upstream_at(quiet_address(), &[]).await;
    let mut admin = Client::connect(server.address).await;
    for round in 1..=3 {
        let mut guest = Client::connect(server.address).await;
        assert_eq!(guest.get("/").await.status, StatusCode::OK);
        switch(&mut admin, "down").await;
        until(server.address, refused).await;
        assert!(guest.try_send(Method::GET, "/", "").await.is_err());
        let report = switch(&mut admin, "none").await;
        assert!(report.faults.down >= round, "{report:?}");
        until(server.address, Result::is_ok).await;
        assert_eq!(Client::connect(server.address).await.get("/").await.status, StatusCode::OK);
    }
    // Stopping it while it is down takes no opening before.
    switch(&mut admin, "down").await;
    until(server.address, refused).await;
    drop(admin);
    tokio::time::timeout(DEADLINE, server.stop()).await.unwrap();
}

#[tokio::test]
async fn the_sidecar_reports_of_a_failed_upstream_as_its_flags_say() {
    let gateway = pair(&[], &[]).await;
    switch(&mut Client::connect(gateway.upstream.address).await, "reset").await;
    let answer = Client::connect(gateway.proxy.address).await.get("/").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);

    let masked = pair(&["--on-upstream-error", "ok"], &["--error-every", "1", "--error-kind", "half-close"]).await;
    let answer = Client::connect(masked.proxy.address).await.get("/").await;
    assert!(answer.status == StatusCode::OK && answer.body.starts_with(b"the connection to the upstream broke"));
}

#[tokio::test]
async fn an_upstream_that_was_down_once_is_asked_again_unless_flags_forbid_it() {
    for (flags, after) in [(&[][..], StatusCode::OK), (&["--never-reconnect"][..], StatusCode::BAD_GATEWAY)] {
        let server = upstream_at(quiet_address(), &[]).await;
        let address = server.address;
        let mut admin = Client::connect(address).await;
        let pair = pair_with(server, flags).await;
        switch(&mut admin, "down").await;
        until(address, refused).await;
        let mut client = Client::connect(pair.proxy.address).await;
        assert_eq!(client.get("/").await.status, StatusCode::BAD_GATEWAY);
        switch(&mut admin, "none").await;
        until(address, Result::is_ok).await;
        assert_eq!(client.get("/").await.status, after, "{flags:?}");
    }
}

#[tokio::test]
async fn with_commands_on_stdin_a_client_can_give_none() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_mock-upstream"))
        .args(["--listen", "127.0.0.1:0", "--announce", "--admin-stdio", "--body", "16B"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut commands, mut lines) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
    let announced = lines.next().unwrap().unwrap();
    let address = announced.strip_prefix("listening ").unwrap().parse().unwrap();
    let mut client = Client::connect(address).await;
    let answer = client.get("/__upstream/fault/slow/2s").await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"xxxxxxxxxxxxxxxx"[..]), "a request like others");
    let mut ask = |command: &str| -> LedgerReport {
        writeln!(commands, "{command}").unwrap();
        serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
    };
    let counted: u64 = ask("ledger").hits.iter().map(|hits| hits.hits).sum();
    assert_eq!(counted, 1);
    ask("fault/reset");
    let mut broken = TcpStream::connect(address).await.unwrap();
    broken.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(broken.read(&mut [0; 64]).await.is_err(), "reset as commanded");
    assert_eq!(ask("fault/none").faults.reset, 1);
    child.kill().unwrap();
    child.wait().unwrap();
}
