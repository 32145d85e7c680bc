//! Connections that are closed after a number of requests, against servers that count for themselves.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use harness::measure::LoadFacts;
use harness_load::TrialOrder;
use harness_load::facts::Connections;

use super::server::{Reaction, Server};
use super::{CLOSED, Load, open_loop, order, request};
use crate::alone;

/// Returns the order of a trial whose connections carry `requests` each.
pub(super) fn lives(requests: u64, order: TrialOrder) -> TrialOrder {
    TrialOrder { requests_per_connection: Some(requests), ..order }
}

/// Returns what was counted of the connections of a trial.
pub(super) fn connections(facts: &LoadFacts) -> &Connections {
    facts.connections.as_ref().unwrap_or_else(|| panic!("no connection: {:?}", facts.examples))
}

/// Returns how many connections to this port wait in TIME_WAIT on the side of the client, and on the side of the server.
fn in_time_wait(port: u16) -> (usize, usize) {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let waiting = |column: usize| {
        let ends = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(3) == Some(&"06") && words[column].ends_with(&format!(":{port:04X}"))
        };
        table.lines().filter(ends).count()
    };
    (waiting(2), waiting(1))
}

#[tokio::test]
async fn each_connection_carries_its_requests_and_leaves_no_port_behind() {
    let _alone = alone();
    let server = Server::start(|_, _| Reaction::Answer(200, "{}"));
    let mut load = Load::start(server.address(), 4, vec![request("one", 1, "/")]).await;
    for (requests, order) in
        [(1, order(CLOSED, 100, 700)), (5, order(CLOSED, 100, 700)), (1, open_loop(400.0, 100, 500))]
    {
        let before = (server.accepts(), server.hits());
        let facts = load.trial(lives(requests, order)).await;
        let (accepts, hits) = (server.accepts() - before.0, server.hits() - before.1);
        let found = connections(&facts);
        assert_eq!(facts.outcomes.ok, facts.scheduled, "{:?}", facts.examples);
        assert_eq!((found.established_total, facts.sent_total, facts.reconnects), (accepts, hits, 0), "{found:?}");
        // Each of the four users has at most one connection that the end of the trial cut short.
        assert!(
            (accepts - 4) * requests <= hits && hits <= accepts * requests,
            "{hits} requests, {accepts} connections"
        );
        assert!(found.opened <= accepts && found.opened + 4 >= facts.scheduled.div_ceil(requests), "{found:?}");
        assert_eq!((found.failed, found.resumed, found.full_handshake.is_some()), (0, 0, false));
        let stalled = facts.stalls.map_or(0, |stalls| stalls.requests);
        assert!((found.opened - stalled.min(found.opened)..=found.opened).contains(&found.connect.count()));
        if requests == 1 {
            assert_eq!(found.completed_in_window, facts.completed_in_window, "each request completes a connection");
        } else {
            let completed = facts.completed_in_window / requests;
            assert!(found.completed_in_window.abs_diff(completed) <= 4, "{found:?}, {completed}");
        }
        // The service time contains connecting.
        assert!(found.connect.quantile(0.5) < facts.latencies.service.quantile(0.5));
    }
    let (ours, theirs) = in_time_wait(server.address().port());
    let all = server.accepts();
    eprintln!("{all} connections left {ours} in TIME_WAIT here and {theirs} at the server");
    assert!(all >= 1_000 && (ours, theirs) == (0, 0), "{ours} and {theirs} of {all} in TIME_WAIT");
    load.end().await;
}

/// Listens, and hands every connection with its number to `serve` on a thread of its own.
pub(super) fn listen(serve: impl Fn(u64, TcpStream) + Send + Sync + 'static) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (address, accepts) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
    let (counted, serve) = (Arc::clone(&accepts), Arc::new(serve));
    // Ends with the test.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (number, serve) = (counted.fetch_add(1, SeqCst), Arc::clone(&serve));
            thread::spawn(move || serve(number, stream));
        }
    });
    (address, accepts)
}

/// Answers each request that arrives at once, until the client closes.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer)? > 0 {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")?;
    }
    Ok(())
}

#[tokio::test]
async fn every_tenth_connection_that_is_closed_at_once_is_an_error_and_no_latency() {
    let _alone = alone();
    let (address, accepts) = listen(|number, stream| {
        // Every tenth is closed, with a FIN or a reset, before or after the request arrives.
        if number % 10 != 9 {
            let _gone = answer(stream);
        }
    });
    // One user, so that the numbers are in the order of the connections.
    let mut load = Load::start(address, 1, vec![request("one", 1, "/")]).await;
    let facts = load.trial(lives(1, order(CLOSED, 0, 500))).await;
    let (accepts, found) = (accepts.load(SeqCst), connections(&facts));
    assert_eq!((found.established_total, found.opened, found.failed), (accepts, accepts, 0));
    assert_eq!(facts.outcomes.reset, accepts / 10, "{}", facts.outcomes.describe());
    assert_eq!(facts.outcomes.ok, accepts - accepts / 10, "{}", facts.outcomes.describe());
    assert!(accepts > 100 && found.completed_in_window.abs_diff(facts.outcomes.ok) <= 1, "{found:?}");
    let stalled = facts.stalls.map_or(0, |stalls| stalls.requests);
    let counted = facts.latencies.service.count();
    assert!((facts.outcomes.ok.saturating_sub(stalled)..=facts.outcomes.ok).contains(&counted));
    load.end().await;
}

#[tokio::test]
async fn a_syn_that_is_sent_again_after_a_second_is_in_the_connect_time() {
    let _alone = alone();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    // The queue of a backlog of 0 holds one. The kernel drops the SYN of the next connection, and sends it again after a second.
    let filler = TcpStream::connect(address).unwrap();
    let mut load = Load::start(address, 1, vec![request("one", 1, "/")]).await;
    let serving = thread::spawn(move || {
        thread::sleep(Duration::from_millis(500));
        drop(listener.accept().unwrap());
        let (stream, _) = listener.accept().unwrap();
        answer(stream)
    });
    let facts = load.trial(lives(1, open_loop(2.0, 0, 500))).await;
    drop(filler);
    assert_eq!((facts.outcomes.ok, facts.scheduled), (1, 1), "{:?}", facts.examples);
    if facts.stalls.is_none_or(|stalls| stalls.requests == 0) {
        let connect = connections(&facts).connect.max().unwrap().as_millis_f64();
        assert!((1_000.0..1_100.0).contains(&connect), "{connect} ms");
        assert!(facts.latencies.response.max().unwrap().as_millis_f64() >= connect * 0.999);
    }
    load.end().await;
    let _gone = serving.join().unwrap();
}
