//! Injected errors and faults, which meet one stream each.

use h2::Reason;
use hyper::{Method, StatusCode};

use super::guest::Guest;
use crate::client::{Client, quiet_address, upstream, upstream_at};

/// Returns whether the server reset the stream.
fn reset(answer: Result<super::guest::Answer, h2::Error>) -> bool {
    answer
        .err()
        .is_some_and(|error| error.is_reset() && error.is_remote() && error.reason() == Some(Reason::INTERNAL_ERROR))
}

#[tokio::test]
async fn every_second_stream_is_reset_and_the_connection_lives_on() {
    for kind in ["reset", "close", "garbage", "half-close"] {
        let server = upstream(&["--error-every", "2", "--error-kind", kind]).await;
        let guest = Guest::connect(server.address).await;
        for number in 1..=20 {
            let answer = guest.try_send(Method::POST, "/echo", "body").await;
            match number % 2 {
                0 => assert!(reset(answer), "{kind}, request {number}"),
                _ => assert_eq!(answer.unwrap().body, "body", "{kind}, request {number}"),
            }
        }
        assert_eq!(guest.ledger().await.total, 20, "{kind}: an unanswered request is a hit too");
    }
}

#[tokio::test]
async fn a_fault_meets_all_streams_while_it_is_on() {
    let server = upstream_at(quiet_address(), &[]).await;
    let (admin, guest) = (Guest::connect(server.address).await, Guest::connect(server.address).await);
    for (made, name) in (1..).zip(["reset", "half-close", "garbage"]) {
        admin.get(&format!("/__upstream/fault/{name}")).await;
        assert!(reset(guest.try_send(Method::GET, "/", "").await), "{name}");
        assert_eq!(guest.get("/health").await.status, StatusCode::OK, "probes are spared");
        admin.get("/__upstream/fault/none").await;
        assert_eq!(guest.get("/").await.status, StatusCode::OK, "{name} is over");
        let faults = admin.ledger().await.faults;
        assert_eq!(faults.reset + faults.half_close + faults.garbage, made, "{name}: {faults:?}");
    }
    admin.get("/__upstream/fault/down").await;
    assert!(guest.try_send(Method::GET, "/", "").await.is_err());
    admin.get("/__upstream/fault/none").await;
    assert_eq!(admin.ledger().await.faults.down, 1, "the connection of the commands survives");
}

#[tokio::test]
async fn a_status_meets_every_third_stream() {
    let server = upstream(&["--status", "503", "--status-every", "3"]).await;
    let guest = Guest::connect(server.address).await;
    for number in 1..=9 {
        let expected = if number % 3 == 0 { 503 } else { 200 };
        assert_eq!(guest.get("/").await.status, expected);
    }
}

#[tokio::test]
async fn clients_that_give_up_many_streams_at_once_are_not_cut_off() {
    let server = upstream(&["--delay", "500ms"]).await;
    let guest = Guest::connect(server.address).await;
    let given_up: Vec<_> = (0..90)
        .map(|_| {
            let guest = guest.clone();
            tokio::spawn(async move { guest.try_send(Method::GET, "/", "").await })
        })
        .collect();
    let mut admin = Client::connect(server.address).await;
    while admin.get("/__upstream/ledger").await.json()["total"] != 90 {}
    for stream in given_up {
        stream.abort();
    }
    assert_eq!(guest.get("/health").await.status, StatusCode::OK);
}
