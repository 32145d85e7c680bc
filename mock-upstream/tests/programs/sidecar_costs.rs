//! Tests that the reference sidecar reports exactly the delay, CPU time and leaks that it causes.

use std::time::{Duration, Instant};

use crate::client::{Client, pair};

#[tokio::test]
async fn added_latency_is_never_short_and_is_reported_for_each_side() {
    let flags = ["--add-latency", "500us", "--add-latency-response", "300us"];
    let pair = pair(&flags, &[]).await;
    let mut client = Client::connect(pair.proxy.address).await;
    let start = Instant::now();
    for _ in 0..50 {
        let one = Instant::now();
        client.get("/").await;
        assert!(one.elapsed() >= Duration::from_micros(800));
    }
    let elapsed = start.elapsed().as_nanos() as u64;
    let truth = pair.truth();
    for (shown, asked) in [(truth.added_request_ns, 500_000), (truth.added_response_ns, 300_000)] {
        assert_eq!(shown.count, 50);
        assert!(shown.min.unwrap() >= asked);
        assert!(shown.sum >= 50 * asked && shown.max.unwrap() >= shown.sum / 50);
        let median = shown.median.unwrap();
        assert!(median >= asked - asked / 100 && median <= shown.max.unwrap() + asked / 100, "{shown:?}");
    }
    assert!(truth.added_request_ns.sum + truth.added_response_ns.sum < elapsed);
}

#[tokio::test]
async fn an_answer_comes_no_earlier_than_asked_and_what_it_takes_is_part_of_that() {
    let pair = pair(&["--answer-after", "20ms", "--add-latency", "5ms"], &[]).await;
    let mut client = Client::connect(pair.proxy.address).await;
    for _ in 0..20 {
        let one = Instant::now();
        client.get("/").await;
        assert!(one.elapsed() >= Duration::from_millis(20));
    }
    let shown = pair.truth().answered_ns;
    let median = shown.median.unwrap();
    assert!(shown.count == 20 && shown.min.unwrap() >= 20_000_000, "{shown:?}");
    assert!((19_900_000..24_000_000).contains(&median), "the 5 ms are not added: {shown:?}");
}

#[tokio::test]
async fn waits_at_the_same_time_do_not_add_up() {
    let pair = pair(&["--add-latency", "200ms"], &[]).await;
    let address = pair.proxy.address;
    let start = Instant::now();
    let users: Vec<_> =
        (0..20).map(|_| tokio::spawn(async move { Client::connect(address).await.get("/").await })).collect();
    for user in users {
        user.await.unwrap();
    }
    // One after the other they would take 4 s.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

/// A guest's CPU clock runs on while the hypervisor or an interrupt has the processor, so a disturbance only ever adds. The least
/// of several batches is what the burning itself overshoots.
#[tokio::test]
async fn burned_cpu_is_what_was_asked_for() {
    const BATCH: u64 = 20;
    let asked = BATCH * 200_000;
    let pair = pair(&["--burn", "200us"], &[]).await;
    let mut client = Client::connect(pair.proxy.address).await;
    let (mut before, mut least) = (0, u64::MAX);
    for batch in 1..=20 {
        for _ in 0..BATCH {
            client.get("/").await;
        }
        let burned = pair.truth().burned_cpu_ns;
        assert_eq!(burned.count, batch * BATCH);
        assert!(burned.sum - before >= asked, "{burned:?} after {before}");
        (least, before) = (least.min(burned.sum - before), burned.sum);
    }
    assert!(least <= asked + asked / 20, "{least} of {asked}");
}

#[tokio::test]
async fn a_leak_per_request_grows_with_the_requests() {
    let pair = pair(&["--leak-per-request", "64KiB", "--ballast", "1MiB"], &[]).await;
    let mut client = Client::connect(pair.proxy.address).await;
    for _ in 0..10 {
        client.get("/").await;
    }
    let truth = pair.truth();
    assert_eq!(truth.leaked_bytes, 10 * 65_536);
    assert_eq!(truth.ballast_bytes, 1 << 20);
}

/// Sends `count` requests at the same time over connections of their own, and returns how long the last answer took, from the first.
async fn burst(pair: &crate::client::Pair, count: usize) -> Duration {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(Client::connect(pair.proxy.address).await);
    }
    let start = Instant::now();
    let users: Vec<_> =
        clients.into_iter().map(|mut client| tokio::spawn(async move { client.get("/").await.status })).collect();
    for user in users {
        assert_eq!(user.await.unwrap(), 200);
    }
    start.elapsed()
}

#[tokio::test]
async fn more_requests_than_the_rate_wait_for_their_turns() {
    let pair = pair(&["--serve-rate", "100/s"], &[]).await;
    let took = burst(&pair, 20).await;
    // The first begins at once, so the last waits for 19 periods of 10 ms.
    assert!(took >= Duration::from_millis(190), "{took:?}");
    let queued = pair.truth().queued_ns;
    assert_eq!(queued.count, 20);
    // Less if the requests did not come at the same instant.
    assert!((1..=190_000_000).contains(&queued.max.unwrap()), "{queued:?}");
    let mut client = Client::connect(pair.proxy.address).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    client.get("/").await;
    assert_eq!(pair.truth().queued_ns.min, Some(0));
}

#[tokio::test]
async fn each_request_is_served_for_the_service_time_alone() {
    let pair = pair(&["--service-time", "10ms"], &[]).await;
    let alone = Instant::now();
    Client::connect(pair.proxy.address).await.get("/").await;
    assert!(alone.elapsed() >= Duration::from_millis(10));
    let took = burst(&pair, 20).await;
    assert!(took >= Duration::from_millis(200), "20 times 10 ms: {took:?}");
    let queued = pair.truth().queued_ns;
    assert!(queued.count == 21 && (1..=190_000_000).contains(&queued.max.unwrap()), "{queued:?}");
}
