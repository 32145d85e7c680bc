//! Tests that the mock upstream follows its flags, and that its ledger is correct.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use harness_base::clock::Mono;
use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Answer, Client, ledger, upstream};

fn stamps(answer: &Answer) -> (u64, u64) {
    let stamp = |name: &str| answer.headers[name].to_str().unwrap().parse().unwrap();
    (stamp("x-upstream-received-ns"), stamp("x-upstream-sent-ns"))
}

#[tokio::test]
async fn the_body_has_its_size_and_the_stamps_lie_inside_the_exchange() {
    let server = upstream(&["--body", "3KiB"]).await;
    let mut client = Client::connect(server.address).await;
    let before = Mono::now().0;
    let answer = client.get("/anything?at=all").await;
    let after = Mono::now().0;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body.len(), 3072);
    let (received, sent) = stamps(&answer);
    assert!(before < received && received < sent && sent < after);

    let bare = upstream(&["--no-stamps"]).await;
    let answer = Client::connect(bare.address).await.get("/").await;
    assert!(!answer.headers.contains_key("x-upstream-sent-ns"));
}

#[tokio::test]
async fn a_delay_is_never_short_and_its_real_length_is_reported() {
    let server = upstream(&["--delay", "500us"]).await;
    let mut client = Client::connect(server.address).await;
    for _ in 0..40 {
        let start = Instant::now();
        let (received, sent) = stamps(&client.get("/").await);
        assert!(start.elapsed() >= Duration::from_micros(500));
        assert!(sent - received >= 500_000);
    }
    let delays = ledger(&server).await.delay_ns;
    assert_eq!(delays.count, 40);
    assert!(delays.sum >= 40 * 500_000);
}

/// Other processes that run between two readings of the clock can only increase the observed value, so the best batch counts.
#[tokio::test]
async fn the_reported_delays_add_up_to_those_seen_from_outside() {
    let server = upstream(&["--delay-distribution", "uniform:5ms:9ms", "--seed", "3"]).await;
    let mut client = Client::connect(server.address).await;
    let (mut before, mut least) = (0, f64::INFINITY);
    for _ in 0..20 {
        let mut seen = 0;
        for _ in 0..5 {
            let (received, sent) = stamps(&client.get("/").await);
            seen += sent - received;
        }
        let shown = ledger(&server).await.delay_ns.sum - before;
        assert!(shown <= seen, "{shown} reported, {seen} seen");
        least = least.min((seen - shown) as f64 / seen as f64);
        before += shown;
        if least <= 0.01 {
            return;
        }
    }
    panic!("off by {least} of what is seen from outside");
}

#[tokio::test]
async fn probes_and_the_ledger_are_not_delayed() {
    let server = upstream(&["--delay", "30s", "--status", "500"]).await;
    let mut client = Client::connect(server.address).await;
    for path in ["/health", "/ready", "/__upstream/health"] {
        assert_eq!(client.get(path).await.status, StatusCode::OK, "{path}");
    }
    let report = ledger(&server).await;
    assert_eq!(report.total, 2, "admin paths are not counted: {report:?}");
}

#[tokio::test]
async fn every_request_is_counted_once_under_concurrency() {
    let server = upstream(&["--body", "64B", "--workers", "2"]).await;
    let address = server.address;
    let users: Vec<_> = (0..8)
        .map(|user| {
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                for n in 0..500 {
                    match n % 5 {
                        0 => client.get(&format!("/get?user={user}&n={n}")).await,
                        _ => client.post("/post", "{}").await,
                    };
                }
            })
        })
        .collect();
    for user in users {
        user.await.unwrap();
    }
    let report = ledger(&server).await;
    let rows: Vec<_> = report.hits.iter().map(|h| (h.method.as_str(), h.path.as_str(), h.hits)).collect();
    assert_eq!(rows, [("GET", "/get", 800), ("POST", "/post", 3200)]);
    assert_eq!(report.total, 4000);
}

#[tokio::test]
async fn mcp_answers_as_a_server_would() {
    let server = upstream(&["--body", "2KiB"]).await;
    let mut client = Client::connect(server.address).await;
    for path in ["/mcp", "/mcp/v1"] {
        let call = json!({"jsonrpc": "2.0", "id": 41, "method": "tools/call"}).to_string();
        let answer = client.post(path, call).await;
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 2048));
        assert_eq!(answer.json()["id"], 41);
        assert_eq!(answer.json()["result"]["content"][0]["type"], "text");
    }
    let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let answer = client.post("/mcp/v1", note).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::ACCEPTED, 0));

    let unknown = json!({"jsonrpc": "2.0", "id": "u", "method": "nope"}).to_string();
    let answer = client.post("/mcp/v1", unknown).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["error"]["code"], -32601);

    let answer = client.post("/mcp/v1", "{nonsense").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["error"]["code"], -32700);

    let answer = client.get("/mcp/v1").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn echo_returns_a_large_body_with_its_content_type() {
    let server = upstream(&[]).await;
    let body: Vec<u8> = (0..1_500_000_u32).map(|n| (n % 251) as u8).collect();
    let answer = Client::connect(server.address).await.post("/echo", body.clone()).await;
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(answer.body == body, "{} bytes came back", answer.body.len());
}

#[tokio::test]
async fn events_come_one_by_one() {
    let flags = ["--sse-events", "5", "--sse-interval", "20ms", "--sse-size", "32B"];
    let server = upstream(&flags).await;
    let start = Instant::now();
    let answer = Client::connect(server.address).await.get("/sse").await;
    assert!(start.elapsed() >= Duration::from_millis(80));
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let expected: String = (0..5).map(|n| format!("id: {n}\ndata: {}\n\n", "x".repeat(32))).collect();
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn the_sink_counts_bytes_and_chunks() {
    let server = upstream(&[]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let head = b"POST /sink HTTP/1.1\r\nhost: test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head).await.unwrap();
    for _ in 0..7 {
        let chunk = format!("64\r\n{}\r\n", "c".repeat(100));
        stream.write_all(chunk.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(r#"{"bytes":700,"chunks":7}"#), "{answer}");
}

#[tokio::test]
async fn exactly_every_nth_request_gets_the_status() {
    let server = upstream(&["--status", "503", "--status-every", "3"]).await;
    let mut client = Client::connect(server.address).await;
    for number in 1..=30 {
        let expected = if number % 3 == 0 { 503 } else { 200 };
        assert_eq!(client.get("/").await.status, expected, "request {number}");
    }
}

/// Returns what a client receives that sends two requests, the second of which is not answered.
async fn second_answer(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    assert_eq!(Client::connect(address).await.get("/").await.status, StatusCode::OK);
    let mut stream = TcpStream::connect(address).await?;
    let request = b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\nbody";
    stream.write_all(request).await?;
    let mut seen = Vec::new();
    stream.read_to_end(&mut seen).await?;
    Ok(seen)
}

#[tokio::test]
async fn errors_break_the_connection_as_asked() {
    let reset = upstream(&["--error-every", "2", "--error-kind", "reset"]).await;
    let error = second_answer(reset.address).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(ledger(&reset).await.total, 2, "an unanswered request is a hit too");

    let close = upstream(&["--error-every", "2", "--error-kind", "close"]).await;
    assert_eq!(second_answer(close.address).await.unwrap(), b"");

    let garbage = upstream(&["--error-every", "2", "--error-kind", "garbage"]).await;
    let seen = second_answer(garbage.address).await.unwrap();
    assert!(!seen.is_empty() && !seen.starts_with(b"HTTP"), "{seen:?}");
    let mut client = Client::connect(garbage.address).await;
    assert!(client.try_send(Method::GET, "/", "").await.is_ok());
    assert!(client.try_send(Method::GET, "/", "").await.is_err());
}
