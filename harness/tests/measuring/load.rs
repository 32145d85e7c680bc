//! The load child against a server that counts for itself.

mod handshakes;
mod hostile;
mod hostile_http2;
mod lifetimes;
mod server;

use crate::alone;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::measure::outcome::{Outcome, Outcomes};
use harness::measure::{Arm, LoadFacts};
use harness_base::clock::Mono;
use harness_base::units::{Nanos, Rate};
use harness_load::pace::Pace;
use harness_load::spec::{Body, Expect, Http2, Request};
use harness_load::{ArmAddress, Error, Generator, Job, LoadEngine, LoadEvent, TrialOrder};
use server::{Reaction, Server};

/// A load child with its job.
struct Load {
    child: Child,
    generator: Generator,
}

fn request(name: &str, weight: u64, path: &str) -> Request {
    Request {
        name: name.to_owned(),
        weight,
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Body::Fixed("{}".to_owned()),
        expect: Expect::default(),
        timeout: Nanos::from_secs(2),
    }
}

fn impatient(timeout_ms: u64) -> Request {
    Request { timeout: Nanos::from_millis(timeout_ms), ..request("one", 1, "/") }
}

impl Load {
    async fn start(address: SocketAddr, connections: u64, requests: Vec<Request>) -> Self {
        Self::with(address, connections, requests, None).await
    }

    /// Starts a generator that speaks HTTP/2 if that is set.
    async fn with(address: SocketAddr, connections: u64, requests: Vec<Request>, http2: Option<Http2>) -> Self {
        let arm = ArmAddress {
            arm: Arm::Direct,
            address: address.into(),
            host: address.to_string(),
            base_path: String::new(),
            tls: None,
            http2,
        };
        let job = Job { arms: vec![arm], requests, connections, workers: 0, seed: 7 };
        let (child, generator) = launch(job).await;
        Self { child, generator: generator.unwrap() }
    }

    async fn trial(&mut self, order: TrialOrder) -> LoadFacts {
        let facts = self.generator.trial(order, |_| {}).await.unwrap();
        assert_eq!(facts.scheduled, facts.outcomes.total(), "{}", facts.outcomes.describe());
        assert!(facts.scheduled > 0);
        facts
    }

    async fn end(mut self) {
        self.generator.stop().await.unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

async fn launch(job: Job) -> (Child, Result<Generator, Error>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_harness"))
        .arg("__load")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let generator = Generator::start(stdin.into(), stdout.into(), job).await;
    (child, generator)
}

/// Every user that a job has.
const CLOSED: Pace = Pace::Closed { vus: u64::MAX };

fn open_loop(rate_per_second: f64, warmup_ms: u64, window_ms: u64) -> TrialOrder {
    order(Pace::constant(Rate(rate_per_second)), warmup_ms, window_ms)
}

fn order(pace: Pace, warmup_ms: u64, window_ms: u64) -> TrialOrder {
    TrialOrder {
        arm: Arm::Direct,
        pace,
        sequence: 0,
        connections: u64::MAX,
        ramp: Nanos::ZERO,
        warmup: Nanos::from_millis(warmup_ms),
        window: Nanos::from_millis(window_ms),
        start_at: Mono::now().after(Nanos::from_millis(20)),
        slice: None,
        tick: None,
        block: None,
        reconnect: None,
        requests_per_connection: None,
    }
}

/// The truth is 180 requests by more than 20 ms and 200 ms for the first. What else delays requests only adds to that (43 of the
/// 1300 outside the freeze were found above 2 ms here, none near 20), so the least of what is found must be it.
/// Checks how many requests are in a histogram. Those that a stall of the generator overlapped are in none.
fn assert_counted(facts: &LoadFacts, counted: u64, expected: u64, why: &str) {
    let stalled = facts.stalls.map_or(0, |stalls| stalls.requests);
    assert!((expected.saturating_sub(stalled)..=expected).contains(&counted), "{counted} of {expected}: {why}");
}

#[tokio::test]
async fn a_frozen_server_delays_every_request_that_was_due_meanwhile() {
    let _alone = alone();
    let server = Server::start(|_, _| Reaction::Answer(200, "{}"));
    let mut load = Load::start(server.address(), 10, vec![request("one", 1, "/")]).await;
    let opened = load.generator.open(Arm::Direct).await.unwrap();
    assert_eq!((opened.connections, opened.failed), (10, 0), "{opened:?}");
    let mut least = (u64::MAX, f64::INFINITY, u64::MAX);
    for _ in 0..6 {
        let before = server.hits();
        let order = open_loop(1000.0, 300, 1500);
        let window_start = order.start_at.after(order.warmup);
        server.freeze(window_start.after(Nanos::from_millis(600)), Nanos::from_millis(200));
        let facts = load.trial(order).await;
        assert_eq!((facts.scheduled, facts.outcomes.ok), (1500, 1500), "{:?}", facts.examples);
        let delayed = facts.latencies.response.count_above(Nanos::from_millis(20));
        let longest = facts.latencies.response.max().unwrap().as_millis_f64();
        assert!(delayed >= 160 && longest >= 190.0 && facts.late >= 150, "{delayed}, {longest} ms, {}", facts.late);
        let waited = facts.latencies.service.count_above(Nanos::from_millis(100));
        assert!((1..=10).contains(&waited), "{waited} delayed in service time: at most one per connection");
        assert_eq!(server.hits() - before, facts.sent_total);
        assert_eq!((server.accepts(), facts.reconnects), (10, 0));
        least = (least.0.min(delayed), least.1.min(longest), least.2.min(facts.late));
        // 180 are due more than 20 ms before the end of the freeze. Behind them, a slow machine works off the backlog of 200 in more than
        // 20 ms: 201 to 204 were delayed there.
        if least.0 <= 220 && least.1 < 260.0 && least.2 <= 258 {
            return load.end().await;
        }
    }
    panic!("in six trials at least (delayed, longest in ms, late) {least:?}");
}

#[tokio::test]
async fn a_closed_loop_counts_what_the_server_counts() {
    let _alone = alone();
    let server = Server::start(|_, _| Reaction::Answer(200, r#"{"result":1}"#));
    let mut checked = request("one", 1, "/");
    checked.expect.present = vec!["/result".to_owned()];
    let mut load = Load::start(server.address(), 4, vec![checked]).await;
    load.generator.open(Arm::Direct).await.unwrap();
    let mut quickest = Nanos(u64::MAX);
    for _ in 0..5 {
        let before = server.hits();
        let order = order(CLOSED, 200, 1000);
        let start_at = order.start_at;
        let facts = load.trial(order).await;
        quickest = quickest.min(Mono::now().since(start_at));
        assert_eq!(facts.outcomes.ok, facts.scheduled, "{:?}", facts.examples);
        // In a closed loop, the stalls of the generator are not in the window.
        let stalled = facts.stalls.map_or(0, |stalls| stalls.span_ns);
        assert_eq!(facts.window_ns + stalled, 1_000_000_000);
        assert_eq!(server.hits() - before, facts.sent_total);
        let window_end = facts.window_start.after(Nanos::from_secs(1));
        let seen = server.answered_between(facts.window_start, window_end);
        let counted = facts.completed_in_window;
        assert!(seen.abs_diff(counted) <= 8 + seen / 500, "the server answered {seen}, {counted} counted");
        assert_eq!(facts.latencies.response, facts.latencies.service);
        assert!((2.0..=4.0).contains(&facts.mean_in_flight), "{} in flight", facts.mean_in_flight);
        assert_eq!(facts.seconds.iter().map(|second| second.ok).sum::<u64>(), counted);
    }
    assert!(quickest < Nanos::from_millis(1600), "a window of 1 s after 0.2 s of warm-up took {quickest}");
    assert_eq!(server.accepts(), 4, "all trials used the connections opened before");
    load.end().await;
}

#[tokio::test]
async fn every_tenth_answer_wrong_is_found_to_the_request() {
    let _alone = alone();
    let server = Server::start(|hit, _| match hit % 10 {
        0 => Reaction::Answer(200, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}"#),
        5 => Reaction::Answer(503, "busy"),
        _ => Reaction::Answer(200, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
    });
    let mut checked = request("call", 1, "/");
    checked.expect.present = vec!["/result".to_owned()];
    checked.expect.absent = vec!["/error".to_owned()];
    let mut load = Load::start(server.address(), 5, vec![checked]).await;
    let facts = load.trial(open_loop(500.0, 0, 1000)).await;
    assert_eq!((facts.outcomes.ok, facts.outcomes.wrong_body, facts.outcomes.wrong_status), (400, 50, 50));
    assert_counted(&facts, facts.latencies.response.count(), 400, "an error has no latency");
    assert_counted(&facts, facts.latencies.pacer_lag.count(), 500, "every request is released");
    let read = facts.read_lag.as_ref().expect("Linux stamps what arrives on loopback");
    assert!((10..=40).contains(&read.lags.count()) && read.dropped == 0, "one of 17 of 400 answers: {read:?}");
    assert!(facts.completed_in_window <= 400, "errors do not count as throughput");
    assert_eq!(facts.examples.len(), 5);
    // The first ones that were reported; two users may end in another order than their answers.
    assert!(facts.examples.iter().any(|example| example.contains("-32000")), "{:?}", facts.examples);
    assert!(facts.examples.iter().any(|example| example == "status 503: busy"), "{:?}", facts.examples);
    load.end().await;
}

#[tokio::test]
async fn weights_hold_however_few_requests_each_user_sends() {
    let _alone = alone();
    let server = Server::start(|_, _| Reaction::Answer(200, "{}"));
    let requests = vec![request("often", 30, "/often"), request("rare", 10, "/rare")];
    let mut load = Load::start(server.address(), 40, requests).await;
    load.trial(open_loop(400.0, 0, 200)).await;
    let (often, rare) = (server.hits_on("/often"), server.hits_on("/rare"));
    assert_eq!(often + rare, 80);
    assert!((15..=25).contains(&rare), "{often} to {rare} with two requests per user");
    load.trial(open_loop(2000.0, 0, 1000)).await;
    let (often, rare) = (server.hits_on("/often") - often, server.hits_on("/rare") - rare);
    assert_eq!(often + rare, 2000);
    assert!((470..=530).contains(&rare), "{often} to {rare}");
    load.end().await;
}

#[tokio::test]
async fn an_impossible_rate_is_accounted_for_to_the_slot() {
    let _alone = alone();
    let server = Server::start(|_, _| Reaction::Answer(200, "{}"));
    let mut load = Load::start(server.address(), 10, vec![impatient(300)]).await;
    let facts = load.trial(open_loop(1e6, 0, 300)).await;
    assert_eq!(facts.scheduled, 300_000);
    assert!(facts.outcomes.unsent > 50_000, "{}", facts.outcomes.describe());
    assert!(facts.late > facts.outcomes.unsent);
    assert_eq!(server.hits(), facts.sent_total);
    load.end().await;
}

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
async fn a_preflight_reports_what_came() {
    let _alone = alone();
    let server = Server::start(|_, path| match path {
        "/base/good" => Reaction::Answer(200, r#"{"result":{"id":1}}"#),
        _ => Reaction::Answer(404, "no such\nplace"),
    });
    let mut good = request("good", 1, "/good");
    good.expect.present = vec!["/result/id".to_owned()];
    let direct = ArmAddress {
        arm: Arm::Direct,
        address: server.address().into(),
        host: "upstream".to_owned(),
        base_path: "/base".to_owned(),
        tls: None,
        http2: None,
    };
    let requests = vec![good, request("lost", 1, "/lost")];
    let (mut child, generator) =
        launch(Job { arms: vec![direct], requests, connections: 1, workers: 2, seed: 1 }).await;
    let mut generator = generator.unwrap();
    let preflight = generator.preflight(Arm::Direct).await.unwrap();
    assert!(!preflight.is_ok());
    let [good, lost] = preflight.answers.as_slice() else { panic!("{preflight:?}") };
    assert_eq!((good.request.as_str(), good.outcome, good.status), ("good", Outcome::Ok, Some(200)));
    assert!(good.latency.is_some() && good.sent && good.example.is_none());
    assert_eq!((lost.request.as_str(), lost.outcome, lost.status), ("lost", Outcome::WrongStatus, Some(404)));
    assert_eq!(lost.example.as_deref(), Some("status 404: no such place"));
    assert_eq!(server.hits(), 2);
    generator.stop().await.unwrap();
    assert!(child.wait().unwrap().success());
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

/// Slices contain the requests that ended in them, even if the child reports them late.
#[tokio::test]
async fn a_sliced_window_is_reported_slice_by_slice() {
    let _alone = alone();
    let server = Server::start(|hit, _| Reaction::Answer(if hit % 10 == 9 { 500 } else { 200 }, "{}"));
    let mut load = Load::start(server.address(), 4, vec![request("one", 1, "/")]).await;
    let order = TrialOrder { slice: Some(Nanos::from_secs(2)), ..open_loop(200.0, 100, 4_000) };
    let (mut seconds, mut slices) = (0, Vec::new());
    let shown = |shown: LoadEvent| match shown {
        LoadEvent::Second(_) => seconds += 1,
        LoadEvent::Slice(slice) => slices.push(slice),
    };
    let facts = load.generator.follow(order, shown).await.unwrap();
    assert_eq!((seconds, slices.iter().map(|slice| slice.index).collect::<Vec<_>>()), (4, vec![0, 1]));
    assert!(facts.seconds.is_empty(), "reported already");
    let sum = |of: fn(&Outcomes) -> u64| slices.iter().map(|slice| of(&slice.outcomes)).sum::<u64>();
    assert_eq!(sum(|outcomes| outcomes.ok), facts.completed_in_window);
    assert!(sum(|outcomes| outcomes.wrong_status) > 0 && sum(|outcomes| outcomes.reset) == 0);
    for slice in &slices {
        let response = slice.response.unwrap();
        assert!(response.count == slice.outcomes.ok && response.p50_ns <= response.p99_ns && response.p99_ns > 0);
    }
    load.end().await;
}

/// Ticks hold what was to start within them, what was never sent included; all of them together are the window.
#[tokio::test]
async fn ticks_hold_what_was_to_start_in_them() {
    let _alone = alone();
    let server = Server::start(|hit, _| Reaction::Answer(if hit % 10 == 9 { 500 } else { 200 }, "{}"));
    let mut load = Load::start(server.address(), 4, vec![request("one", 1, "/")]).await;
    let tick = Nanos::from_millis(100);
    let facts = load.trial(TrialOrder { tick: Some(tick), ..open_loop(200.0, 100, 950) }).await;
    let ticks = facts.ticks.unwrap();
    assert_eq!((ticks.length_ns, ticks.outcomes.len()), (tick.0, 10));
    let mut whole = Outcomes::default();
    ticks.outcomes.iter().for_each(|tick| whole.merge(tick));
    assert_eq!(whole, facts.outcomes);
    let scheduled: Vec<u64> = ticks.outcomes.iter().map(Outcomes::total).collect();
    assert_eq!(scheduled, [20, 20, 20, 20, 20, 20, 20, 20, 20, 10]);
    // Every tenth of 190, where none of the warm-up comes after the first of the window.
    assert!((18..=20).contains(&whole.wrong_status), "{whole:?}");
    load.end().await;

    let server = Server::start(|_, _| Reaction::Never);
    let mut load = Load::start(server.address(), 1, vec![impatient(400)]).await;
    let facts = load.trial(TrialOrder { tick: Some(tick), ..open_loop(100.0, 0, 1_000) }).await;
    let ticks = facts.ticks.unwrap().outcomes;
    assert!(facts.outcomes.unsent > 0 && ticks.iter().all(|tick| tick.total() == 10), "{ticks:?}");
    assert_eq!(ticks.iter().map(|tick| tick.unsent).sum::<u64>(), facts.outcomes.unsent);
    assert_eq!(ticks[9].unsent, 10, "no user is free for the last ones");
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

#[tokio::test]
async fn answers_that_never_come_are_timeouts_and_no_latencies() {
    let _alone = alone();
    let server = Server::start(|hit, _| if hit % 10 == 9 { Reaction::Never } else { Reaction::Answer(200, "{}") });
    let mut load = Load::start(server.address(), 10, vec![impatient(300)]).await;
    for order in [open_loop(200.0, 0, 1000), order(CLOSED, 0, 900)] {
        let (before, start) = (server.hits(), order.start_at);
        let facts = load.trial(order).await;
        assert!(Mono::now().since(start) < Nanos::from_secs(30), "the drain lasts as long as the timeout");
        assert_eq!(facts.outcomes.errors(), facts.outcomes.timeout, "{}", facts.outcomes.describe());
        assert!(facts.outcomes.timeout >= 10 && facts.outcomes.ok >= 30, "{}", facts.outcomes.describe());
        assert_counted(&facts, facts.latencies.service.count(), facts.outcomes.ok, "a timeout has no latency");
        assert_eq!(server.hits() - before, facts.sent_total);
    }
    load.end().await;
}

#[tokio::test]
async fn bodies_of_any_kind_are_read_to_their_end() {
    let _alone = alone();
    let server = Server::start(|hit, _| match hit % 4 {
        0 => Reaction::Large(300_000),
        1 => Reaction::Chunked(40),
        2 => Reaction::Answer(204, ""),
        _ => Reaction::Answer(200, "{}"),
    });
    let mut load = Load::start(server.address(), 3, vec![request("one", 1, "/")]).await;
    let facts = load.trial(open_loop(200.0, 0, 1000)).await;
    assert_eq!(facts.outcomes.ok, 200, "{:?}", facts.examples);
    assert_counted(&facts, facts.latencies.first_body.count(), 150, "a 204 has no body");
    assert!(server.accepts() <= 3 && facts.reconnects == 0, "an unread body would close the connection");
    // The server spreads 40 chunks over 4 ms: the last byte comes well after the first.
    let first = facts.latencies.first_body.quantile(0.5).unwrap();
    let last = facts.latencies.service.quantile(0.95).unwrap();
    assert!(last > first.plus(Nanos::from_millis(2)), "first {first}, last {last}");
    load.end().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let _alone = alone();
    let server = Server::start(|_, _| Reaction::Answer(200, "{}"));
    let address = server.address();
    let direct = ArmAddress {
        arm: Arm::Direct,
        address: address.into(),
        host: "upstream".to_owned(),
        base_path: String::new(),
        tls: None,
        http2: None,
    };
    let odd = Request { body: Body::Template("{{uid}}".to_owned()), ..request("call", 1, "/") };
    let job = Job { arms: vec![direct], requests: vec![odd], connections: 1, workers: 0, seed: 1 };
    let (mut child, refused) = launch(job.clone()).await;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("request call") && message.contains("{{uid}}"), "{message}");
    child.wait().unwrap();

    let (mut child, generator) = launch(Job { requests: vec![request("one", 1, "/")], ..job }).await;
    let mut generator = generator.unwrap();
    let message = generator.open(Arm::Proxied).await.unwrap_err().to_string();
    assert!(message.contains("no proxied arm"), "{message}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(matches!(generator.open(Arm::Direct).await, Err(Error::Died { .. })));
}

#[tokio::test]
async fn the_child_ends_with_control_even_within_a_trial() {
    let _alone = alone();
    let server = Server::start(|_, _| Reaction::Answer(200, "{}"));
    let mut load = Load::start(server.address(), 2, vec![request("one", 1, "/")]).await;
    {
        let trial = load.generator.trial(open_loop(100.0, 0, 60_000), |_| {});
        tokio::time::timeout(Duration::from_millis(300), trial).await.unwrap_err();
    }
    drop(load.generator);
    // The trial would go on for a minute.
    let gone = Mono::now().after(Nanos::from_secs(30));
    while load.child.try_wait().unwrap().is_none() {
        assert!(gone.remaining() > Nanos::ZERO, "the child outlived control");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn seconds_are_reported_as_they_pass() {
    let _alone = alone();
    let server = Server::start(|_, _| Reaction::Answer(200, "{}"));
    let mut load = Load::start(server.address(), 5, vec![request("one", 1, "/")]).await;
    let mut shown = Vec::new();
    let order = open_loop(500.0, 100, 2500);
    let window_start = order.start_at.after(order.warmup);
    let record = |second| shown.push((second, Mono::now().since(window_start)));
    let facts = load.generator.trial(order, record).await.unwrap();
    let spans: Vec<(f64, f64)> = shown.iter().map(|(second, _)| (second.from_s, second.length_s)).collect();
    assert_eq!(spans, [(0.0, 1.0), (1.0, 1.0), (2.0, 0.5)]);
    assert!(shown[0].1 < Nanos::from_millis(2500), "the first second came after {}, when all was over", shown[0].1);
    // What is answered late counts in the second of its answer: 50 requests for 100 ms in which nothing runs.
    let counts: Vec<u64> = facts.seconds.iter().map(|second| second.ok).collect();
    assert!(counts.iter().zip([500u64, 500, 250]).all(|(found, truth)| found.abs_diff(truth) <= 50), "{counts:?}");
    assert_eq!(counts.iter().sum::<u64>(), facts.completed_in_window);
    assert!(facts.seconds[1].response.is_some_and(|quantiles| quantiles.count >= 450 && quantiles.p50_ns > 1000));
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
