//! Bodies that are made while they are sent.

use super::*;
use crate::spec::{Framing, StreamedBody};
use harness_base::units;

const BODY: StreamedBody = StreamedBody {
    size: units::Bytes(300_000),
    chunk: units::Bytes(7_000),
    per_second: None,
    framing: Framing::Length,
    awaits_continue: false,
};

/// Answers with the number of received bytes and the declared length.
async fn count(request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let declared = request.headers().get(http::header::CONTENT_LENGTH).cloned();
    let (mut body, mut received) = (request.into_body(), 0);
    while let Some(part) = body.data().await {
        let part = part?;
        received += part.len();
        body.flow_control().release_capacity(part.len())?;
    }
    let mut answer = Response::builder().header("x-received", received);
    if let Some(declared) = declared {
        answer = answer.header("x-declared", declared);
    }
    respond.send_response(answer.body(()).unwrap(), true).map(drop)
}

fn received(bytes: u64, declared: bool) -> Expect {
    let mut headers = vec![("x-received".to_owned(), bytes.to_string())];
    if declared {
        headers.push(("x-declared".to_owned(), bytes.to_string()));
    }
    Expect { headers, ..Expect::default() }
}

fn user(peer: &Peer, expect: Expect, body: StreamedBody) -> User {
    User::with_body(peer.address, &Arc::default(), expect, Body::Streamed(body))
}

#[tokio::test]
async fn every_byte_arrives_through_small_windows_with_either_framing() {
    let mut builder = server::Builder::new();
    builder.initial_window_size(10_000).initial_connection_window_size(70_000);
    let peer = peer(move |socket, _| serve(builder.clone(), socket, count)).await;
    for (size, framing) in [
        (300_000, Framing::Length),
        (300_000, Framing::Chunked),
        (7_000, Framing::Length),
        (1, Framing::Chunked),
        (0, Framing::Length),
    ] {
        let body = StreamedBody { size: units::Bytes(size), framing, ..BODY };
        let found = user(&peer, received(size, framing == Framing::Length), body).send().await;
        assert_eq!(found.outcome, Outcome::Ok, "{size} {framing:?}: {found:?}");
    }
}

#[tokio::test]
async fn a_rate_is_kept() {
    let peer = peer(move |socket, _| serve(server::Builder::new(), socket, count)).await;
    // 11 chunks, one every 20 ms, after the first.
    let body = StreamedBody {
        size: units::Bytes(11_000),
        chunk: units::Bytes(1_000),
        per_second: Some(units::Bytes(50_000)),
        ..BODY
    };
    let mut user = user(&peer, received(11_000, true), body);
    let begun = Mono::now();
    let found = user.send().await;
    let took = Mono::now().since(begun);
    assert_eq!(found.outcome, Outcome::Ok, "{found:?}");
    assert!((200.0..1_000.0).contains(&took.as_millis_f64()), "{took}");
}

#[tokio::test]
async fn a_success_before_the_end_of_the_body_is_an_error_and_a_refusal_is_an_answer() {
    for (status, outcome) in [(200, Outcome::Reset), (413, Outcome::WrongStatus)] {
        // The body is not read, so its window is used up.
        let answer = move |request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>| async move {
            let body = request.into_body();
            respond.send_response(Response::builder().status(status).body(()).unwrap(), true)?;
            tokio::time::sleep(Duration::from_secs(5)).await;
            drop(body);
            Ok(())
        };
        let peer = peer(move |socket, _| serve(server::Builder::new(), socket, answer)).await;
        let body = StreamedBody { size: units::Bytes(50_000_000), ..BODY };
        let found = user(&peer, Expect::default(), body).send().await;
        assert_eq!(found.outcome, outcome, "{status}: {found:?}");
    }
}
