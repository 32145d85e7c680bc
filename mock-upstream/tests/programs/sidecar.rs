//! Tests that the reference sidecar forwards requests, refuses those that it should refuse, and counts both.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::client::{Client, ledger, pair, pair_with, quiet_address, upstream_at};

fn call(id: u64) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call"}).to_string()
}

#[tokio::test]
async fn bodies_pass_byte_for_byte() {
    let pair = pair(&[], &["--body", "1MiB"]).await;
    let mut client = Client::connect(pair.proxy.address).await;
    assert_eq!(client.get("/fixed").await.body.len(), 1 << 20);

    let small = client.post("/echo", "{\"a\":1}").await;
    assert_eq!(small.body, "{\"a\":1}");
    assert_eq!(small.headers["content-type"], "application/json");
    assert_eq!(small.headers["content-length"], "7");

    // Without a content length the upload is chunked.
    let whole: Vec<u8> = (0..1_u32 << 20).map(|n| (n % 253) as u8).collect();
    let frames: Vec<_> = whole.chunks(7_001).map(Bytes::copy_from_slice).collect();
    let body = Frames(frames.into_iter()).boxed();
    let request = Request::post("/echo").header("host", "test").body(body).unwrap();
    let response = client.begin(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let back = response.into_body().collect().await.unwrap().to_bytes();
    assert!(back == whole, "{} bytes came back", back.len());

    assert_eq!(ledger(&pair.upstream).await.total, 3);
    let truth = pair.truth();
    assert_eq!((truth.requests, truth.forwarded), (3, 3));
}

/// A body of unknown length whose frames are all ready.
struct Frames(std::vec::IntoIter<Bytes>);

impl Body for Frames {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(self.0.next().map(|data| Ok(Frame::data(data))))
    }
}

#[tokio::test]
async fn responses_stream_through() {
    let flags = ["--sse-events", "4", "--sse-interval", "400ms"];
    let pair = pair(&[], &flags).await;
    let mut client = Client::connect(pair.proxy.address).await;
    let request = Request::get("/sse").header("host", "test");
    let empty = http_body_util::Empty::new().map_err(|never| match never {});
    let start = Instant::now();
    let mut body = client.begin(request.body(empty.boxed()).unwrap()).await.unwrap().into_body();
    let mut arrivals = Vec::new();
    while let Some(frame) = body.frame().await {
        if frame.unwrap().is_data() {
            arrivals.push(start.elapsed());
        }
    }
    let spread = *arrivals.last().unwrap() - arrivals[0];
    // Held back until the end, they would come at once; a first one that comes late takes from the 1.2 s.
    assert!(spread >= Duration::from_millis(300), "{arrivals:?}");
}

#[tokio::test]
async fn one_in_ten_is_denied_with_http_200_and_never_reaches_the_upstream() {
    let pair = pair(&["--error-every", "10", "--error-kind", "jsonrpc"], &[]).await;
    let mut client = Client::connect(pair.proxy.address).await;
    for id in 1..=100 {
        let answer = client.post("/mcp/v1", call(id)).await;
        assert_eq!(answer.status, StatusCode::OK);
        let body = answer.json();
        assert_eq!(body["id"], id);
        let denied = body["error"]["code"] == -32002;
        assert_eq!(denied, id % 10 == 0, "request {id}: {body}");
        assert_eq!(body["result"] == Value::Null, denied);
    }
    let truth = pair.truth();
    assert_eq!((truth.requests, truth.errors_injected, truth.forwarded), (100, 10, 90));
    assert_eq!(ledger(&pair.upstream).await.total, 90);
}

#[tokio::test]
async fn one_in_four_fails_with_http_500() {
    let pair = pair(&["--error-every", "4"], &[]).await;
    let mut client = Client::connect(pair.proxy.address).await;
    for number in 1..=20 {
        let expected = if number % 4 == 0 { 500 } else { 200 };
        assert_eq!(client.post("/", "x").await.status, expected, "request {number}");
    }
    assert_eq!(ledger(&pair.upstream).await.total, 15);
}

#[tokio::test]
async fn health_and_ready_turn_when_they_should() {
    // A second apart, so that each state is seen on a machine that is busy with other things for a while.
    let flags = ["--healthy-after", "1s", "--ready-after", "2s"];
    let pair = pair(&flags, &[]).await;
    let mut admin = Client::connect(pair.admin.address).await;
    let (mut healthy, mut ready) = (Vec::new(), Vec::new());
    while pair.truth().ready_ns.is_none() {
        healthy.push(admin.get("/health").await.status);
        ready.push(admin.get("/ready").await.status);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(admin.get("/ready").await.status, StatusCode::OK);
    assert_eq!(admin.get("/ready").await.json(), json!({"status": "ready"}));
    assert_eq!(healthy[0], StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready[0], StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(healthy.last(), Some(&StatusCode::OK));
    assert!(healthy.is_sorted_by_key(|status| *status == StatusCode::OK));
    let truth = pair.truth();
    assert_eq!(truth.healthy_ns, Some(pair.main.0 + 1_000_000_000));
    assert_eq!(truth.ready_ns, Some(pair.main.0 + 2_000_000_000));
}

#[tokio::test]
async fn never_ready_is_healthy_at_once_and_never_ready() {
    let pair = pair(&["--never-ready"], &[]).await;
    let mut admin = Client::connect(pair.admin.address).await;
    assert_eq!(admin.get("/health").await.status, StatusCode::OK);
    assert_eq!(admin.get("/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(pair.truth().ready_ns, None);
}

#[tokio::test]
async fn a_dead_upstream_is_502_and_a_restarted_one_is_found_again() {
    let address = quiet_address();
    let pair = pair_with(upstream_at(address, &[]).await, &[]).await;
    let mut client = Client::connect(pair.proxy.address).await;
    assert_eq!(client.get("/").await.status, StatusCode::OK);
    pair.upstream.stop().await;

    let answer = client.get("/").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.body.starts_with(b"cannot connect to the upstream"));
    let truth = pair.sidecar.truth();
    assert_eq!((truth.forwarded, truth.upstream_connect_failures), (1, 1));

    let _again = upstream_at(address, &[]).await;
    assert_eq!(client.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn truth_and_metrics_tell_the_same() {
    let pair = pair(&["--error-every", "3", "--add-latency", "50us"], &[]).await;
    let mut client = Client::connect(pair.proxy.address).await;
    for _ in 0..7 {
        client.get("/").await;
    }
    let mut admin = Client::connect(pair.admin.address).await;
    let truth = admin.get("/truth").await.json();
    assert_eq!(truth["requests"], 7);
    assert_eq!(truth["pid"], std::process::id());
    let metrics = String::from_utf8(admin.get("/metrics").await.body.to_vec()).unwrap();
    for (metric, pointer) in [
        ("requests_total", "/requests"),
        ("forwarded_total", "/forwarded"),
        ("errors_injected_total", "/errors_injected"),
        ("added_request_ns_total", "/added_request_ns/sum"),
        ("added_request_ns_max", "/added_request_ns/max"),
        ("main_ns", "/main_ns"),
    ] {
        let line = format!("reference_sidecar_{metric} {}\n", truth.pointer(pointer).unwrap());
        assert!(metrics.contains(&line), "{line} in\n{metrics}");
    }
    assert!(!metrics.contains("freeze"), "counters of faults that did not happen are left out");
}
