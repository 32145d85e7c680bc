//! Tests streams of stamped events, and what the reference sidecar makes of them.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::{Method, Request, StatusCode};

use crate::client::{Client, pair, upstream};

/// Ten events, one every millisecond.
const ASKED: &str = "events=10, interval=1ms, size=20B";

fn request(method: Method, asked: &str) -> Request<http_body_util::combinators::BoxBody<bytes::Bytes, std::io::Error>> {
    let body = Empty::new().map_err(|never| match never {}).boxed();
    let request = Request::builder().method(method).uri("/mcp/v1").header("host", "test");
    request.header("x-upstream-stream", asked).body(body).unwrap()
}

/// Reads a stream. Returns the numbers of the events of each chunk.
async fn chunks(client: &mut Client) -> Vec<Vec<u64>> {
    let answer = client.begin(request(Method::POST, ASKED)).await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["content-type"]),
        (StatusCode::OK, &"text/event-stream".parse().unwrap())
    );
    let (mut body, mut chunks) = (answer.into_body(), Vec::new());
    while let Some(frame) = body.frame().await {
        let text = String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        chunks.push(data.map(|data| data.split(' ').nth(1).unwrap().parse().unwrap()).collect());
    }
    chunks
}

#[tokio::test]
async fn a_stream_is_answered_on_any_path_and_a_mistake_is_named() {
    let server = upstream(&[]).await;
    let mut client = Client::connect(server.address).await;
    assert_eq!(chunks(&mut client).await, (0..10).map(|number| vec![number]).collect::<Vec<_>>());
    let answer = client.begin(request(Method::GET, "events=0")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"x-upstream-stream: events=0 is not"), "{body:?}");
}

#[tokio::test]
async fn events_pass_the_sidecar_as_its_flags_say() {
    for (flags, expected) in [
        (vec![], vec![vec![0], vec![1], vec![2], vec![3], vec![4], vec![5], vec![6], vec![7], vec![8], vec![9]]),
        (vec!["--coalesce", "4"], vec![vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]),
        (
            vec!["--lose-event", "0", "--repeat-event", "5", "--swap-event", "7", "--coalesce", "100"],
            vec![vec![1, 2, 3, 4, 5, 5, 6, 8, 7, 9]],
        ),
        (vec!["--buffer"], vec![(0..10).collect()]),
    ] {
        let pair = pair(&flags, &[]).await;
        let found = chunks(&mut Client::connect(pair.proxy.address).await).await;
        // Chunks that come together may be read as one without flags.
        if flags.is_empty() {
            assert_eq!(found.concat(), expected.concat());
        } else {
            assert_eq!(found, expected, "{flags:?}");
        }
    }
}

#[tokio::test]
async fn a_hold_delays_each_chunk_and_reports_for_how_long() {
    let pair = pair(&["--hold", "20ms"], &[]).await;
    let begun = std::time::Instant::now();
    let found = chunks(&mut Client::connect(pair.proxy.address).await).await;
    // Ten events that were held one after the other would take 200 ms; on a busy machine, anything takes longer.
    assert!(begun.elapsed() >= Duration::from_millis(25));
    assert_eq!(found.concat(), (0..10).collect::<Vec<_>>());
    let held = pair.truth().held_ns;
    assert!(held.count >= 1 && held.min >= Some(20_000_000), "{held:?}");
}

/// Reads a stream of 2 s through a sidecar that is stopped after its first event. Returns whether it ended as usual, its events, and how
/// many connections the sidecar cut.
async fn stopped(flags: &[&str]) -> (bool, usize, u64) {
    let pair = pair(flags, &[]).await;
    let mut client = Client::connect(pair.proxy.address).await;
    let answer = client.begin(request(Method::GET, "events=200, interval=10ms, size=0B")).await.unwrap();
    let (mut body, mut text, mut is_whole) = (answer.into_body(), Vec::new(), true);
    body.frame().await.unwrap().unwrap();
    let stopping = tokio::spawn(pair.proxy.stop());
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => text.extend(frame.into_data().unwrap()),
            Err(_) => is_whole = false,
        }
        if !is_whole {
            break;
        }
    }
    stopping.await.unwrap();
    (is_whole, String::from_utf8(text).unwrap().matches("\n\n").count(), pair.sidecar.truth().cut_at_stop)
}

#[tokio::test]
async fn a_stream_is_cut_at_the_end_of_the_grace_period_or_ended_as_if_it_were_complete() {
    let (is_whole, events, cut) = stopped(&["--grace", "200ms"]).await;
    assert!(!is_whole && events < 190 && cut == 1, "{events} events, {cut} cut");
    let (is_whole, events, cut) = stopped(&["--grace", "10s", "--end-answers", "200ms"]).await;
    assert!(is_whole && events < 190 && cut == 0, "{events} events, {cut} cut");
    let (is_whole, events, cut) = stopped(&["--grace", "10s"]).await;
    assert!(is_whole && events == 199 && cut == 0, "{events} events, {cut} cut");
}
