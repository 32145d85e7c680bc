//! Connections that are refused, closed by the server, opened for each request, or many.

use std::time::Duration;

use super::server::{Reaction, Server};
use super::{CLOSED, Load, open_loop, order, request};
use crate::alone;
use harness::measure::Arm;
use harness::measure::outcome::Outcome;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::{LoadEngine, TrialOrder};

#[tokio::test]
async fn nothing_listens() {
    let _alone = alone();
    // Bound and never listening: the port stays ours, and connections to it are refused.
    let refusing = tokio::net::TcpSocket::new_v4().unwrap();
    refusing.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut load = Load::start(refusing.local_addr().unwrap(), 3, vec![request("one", 1, "/")]).await;
    let opened = load.generator.open(Arm::Direct).await.unwrap();
    assert_eq!((opened.connections, opened.failed), (0, 3));
    assert!(opened.example.unwrap().contains("refused"));
    let preflight = load.generator.preflight(Arm::Direct).await.unwrap();
    assert_eq!((preflight.answers[0].outcome, preflight.answers[0].sent), (Outcome::Connect, false));
    for order in [open_loop(500.0, 0, 400), order(CLOSED, 0, 400)] {
        let facts = load.trial(order).await;
        assert_eq!((facts.outcomes.connect, facts.sent_total), (facts.scheduled, 0));
        assert_eq!((facts.latencies.response.count(), facts.completed_in_window), (0, 0));
    }
    load.end().await;
}

#[tokio::test]
async fn a_server_that_closes_each_connection_is_connected_to_again() {
    let _alone = alone();
    let server = Server::start(|_, _| Reaction::AnswerAndClose(200, "{}"));
    let mut load = Load::start(server.address(), 4, vec![request("one", 1, "/")]).await;
    load.generator.open(Arm::Direct).await.unwrap();
    // A connect succeeds before the server accepts it.
    while server.accepts() < 4 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for order in [open_loop(400.0, 100, 500), order(CLOSED, 0, 100)] {
        let before = (server.hits(), server.accepts());
        let facts = load.trial(order).await;
        assert_eq!(facts.outcomes.ok, facts.scheduled, "{:?}", facts.examples);
        assert_eq!(server.hits() - before.0, facts.sent_total);
        assert_eq!(server.accepts() - before.1, facts.reconnects);
        assert!(facts.reconnects + 4 >= facts.sent_total);
    }
    load.end().await;
}

#[tokio::test]
async fn every_request_of_a_storm_has_a_connection_of_its_own() {
    let _alone = alone();
    let server = Server::start(|_, _| Reaction::Answer(200, "{}"));
    let mut load = Load::start(server.address(), 4, vec![request("one", 1, "/")]).await;
    load.generator.open(Arm::Direct).await.unwrap();
    let calm = open_loop(200.0, 0, 600);
    let from = calm.start_at.after(Nanos::from_millis(200));
    let storm = TrialOrder { reconnect: Some((from, from.after(Nanos::from_millis(200)))), ..calm };
    let facts = load.trial(storm).await;
    assert_eq!((facts.outcomes.ok, facts.reconnects), (120, 0), "{:?}", facts.examples);
    // Forty requests are due in the storm; one that is sent late may fall out of it, or into it.
    assert!((4 + 20..=4 + 60).contains(&server.accepts()), "{} connections", server.accepts());
    load.end().await;
}

#[tokio::test]
async fn an_idle_connection_closed_by_the_server_loses_no_request() {
    let _alone = alone();
    let server = Server::start(|_, _| Reaction::Answer(200, "{}"));
    let mut load = Load::start(server.address(), 4, vec![request("one", 1, "/")]).await;
    load.generator.open(Arm::Direct).await.unwrap();
    load.trial(open_loop(200.0, 0, 200)).await;
    server.close_all();
    while server.open() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let before = server.hits();
    // Time for the child to see that its connections ended: a request that meets a dying one is an error, and rightly so.
    let order = TrialOrder { start_at: Mono::now().after(Nanos::from_millis(500)), ..open_loop(200.0, 0, 500) };
    let facts = load.trial(order).await;
    assert_eq!((facts.outcomes.ok, facts.reconnects), (100, 4), "{:?}", facts.examples);
    assert_eq!(server.hits() - before, facts.sent_total);
    load.end().await;
}

/// Needs 10,000 descriptors in this process and in the child.
#[tokio::test]
#[ignore = "runs by night: scripts/nightly-tests"]
async fn many_connections() {
    let _alone = alone();
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, 12_000, 20_000).unwrap();
    let server = Server::start(|_, _| Reaction::Answer(200, "{}"));
    let began = Mono::now();
    let mut load = Load::start(server.address(), 5000, vec![request("one", 1, "/")]).await;
    let took = Mono::now().since(began);
    assert!(took < Nanos::from_secs(2), "5,000 users took {took}");
    let opened = load.generator.open(Arm::Direct).await.unwrap();
    assert_eq!((opened.connections, opened.failed), (5000, 0), "{opened:?}");
    let facts = load.trial(open_loop(5000.0, 1000, 2000)).await;
    assert_eq!(facts.outcomes.ok, 10_000, "{:?}", facts.examples);
    assert_eq!((server.accepts(), facts.reconnects), (5000, 0));
    load.end().await;
}
