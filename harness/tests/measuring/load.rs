//! The load child against a server that counts for itself.

mod connecting;
mod counts;
mod handshakes;
mod hostile;
mod hostile_http2;
mod lifetimes;
mod mcp;
mod parts;
mod server;

use crate::alone;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::measure::outcome::Outcome;
use harness::measure::{Arm, LoadFacts};
use harness_base::clock::Mono;
use harness_base::units::{Nanos, Rate};
use harness_load::pace::Pace;
use harness_load::spec::{Body, Expect, Http2, Request};
use harness_load::{ArmAddress, Error, Generator, Job, LoadEngine, TrialOrder};
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
            stdio: false,
        };
        let job =
            Job { arms: vec![arm], requests, connections, workers: 0, seed: 7, stripe: None, packets_alone: false };
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
        lists_streams: false,
        stripe: None,
    }
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
        stdio: false,
    };
    let requests = vec![good, request("lost", 1, "/lost")];
    let (mut child, generator) = launch(Job {
        arms: vec![direct],
        requests,
        connections: 1,
        workers: 2,
        seed: 1,
        stripe: None,
        packets_alone: false,
    })
    .await;
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
async fn impossible_orders_are_refused_with_the_reason() {
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
        stdio: false,
    };
    let odd = Request { body: Body::Template("{{uid}}".to_owned()), ..request("call", 1, "/") };
    let job = Job {
        arms: vec![direct],
        requests: vec![odd],
        connections: 1,
        workers: 0,
        seed: 1,
        stripe: None,
        packets_alone: false,
    };
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
