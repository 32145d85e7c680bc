//! What a hub holds: the peak of the memory of its process, with simulated nodes that join it over TLS and send the facts of a trial.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;

use super::joined::Running;
use crate::alone;
use crate::support::harness;
use harness_base::clock::Mono;
use harness_base::units::{Nanos, hexadecimal};
use harness_fleet::frame::{self, FrameReader, LARGEST_MESSAGE, text};
use harness_fleet::hello::{About, Hello, LONGEST_HELLO, PROTOCOL, Reply, Role};
use harness_fleet::message::{FromNode, ToNode, answer};
use harness_fleet::order::{HubEvent, HubOrder, LEAD};
use harness_fleet::secret::{HubSecret, NodeSecret};
use harness_fleet::tls::{connect, connector};
use harness_load::facts::{Arm, LoadFacts, Second};
use harness_load::frames::{FromChild, SecondDetail, ToChild};
use harness_load::latency::LatencyHistogram;
use harness_load::nodes::NodeHost;
use harness_load::outcome::Outcomes;
use harness_load::pace::Pace;
use harness_load::{Generator, Job, TrialOrder};

/// What a hub with a thousand nodes may hold, in bytes.
pub(super) const BOUND: u64 = 128 << 20;

/// Requests of each node in a trial.
const REQUESTS: u64 = 2_000;

/// Nodes that join at the same time.
const AT_ONCE: usize = 32;

/// How the nodes reach the hub, and what all of them report of a trial.
struct Nodes {
    secret: NodeSecret,
    /// The SHA-256 of the program of the hub.
    binary: String,
    turns: Semaphore,
    response: LatencyHistogram,
}

impl Nodes {
    fn new(secret: NodeSecret) -> Self {
        let binary = hexadecimal(&Sha256::digest(fs::read(harness().get_program()).unwrap()));
        let mut times = LatencyHistogram::default();
        (0..REQUESTS).for_each(|request| times.record(Nanos::from_micros(200 + request * 7919 % 3_000)));
        // The form that needs little memory.
        let response = serde_json::from_slice(&text(&times)).unwrap();
        Self { secret, binary, turns: Semaphore::new(AT_ONCE), response }
    }

    /// Joins the hub and serves it until the connection or the run ends.
    async fn node(self: Arc<Self>, hub: SocketAddr, index: u64) {
        let turn = self.turns.acquire().await.unwrap();
        let stream = TcpStream::connect(hub).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let Ok(mut stream) = connect(&connector(&self.secret).unwrap(), stream).await else { panic!("no TLS") };
        let about = About { name: format!("worker-{index}"), cpus: 1.0, ..About::default() };
        let (token, binary) = (self.secret.token(), self.binary.clone());
        let hello = Hello { protocol: PROTOCOL, token, binary, role: Role::Node, about };
        frame::write(&mut stream, &text(&hello)).await.unwrap();
        let reply = FrameReader::new(&mut stream, LONGEST_HELLO).next().await.unwrap();
        let reply: Reply = serde_json::from_slice(&reply).unwrap();
        assert!(matches!(reply, Reply::Welcome(_)), "{reply:?}");
        drop(turn);
        loop {
            let Ok(message) = FrameReader::new(&mut stream, LARGEST_MESSAGE).next().await else { return };
            let replies = match serde_json::from_slice(&message).unwrap() {
                ToNode::Probe { sent } => vec![text(&FromNode::Probed { sent, now: Mono::now() })],
                ToNode::Command { session, command } => self.answers(session, &command),
                ToNode::Stop { .. } | ToNode::Agent(_) => Vec::new(),
                ToNode::End => return,
            };
            for reply in replies {
                if frame::write(&mut stream, &reply).await.is_err() {
                    return;
                }
            }
        }
    }

    fn answers(&self, session: u64, command: &ToChild) -> Vec<Vec<u8>> {
        let line = |frame: &FromChild| String::from_utf8(text(frame)).unwrap();
        let ToChild::Trial(order) = command else { return vec![answer(session, None, &line(&FromChild::Ready))] };
        let second = Second { from_s: 0.0, length_s: 1.0, ok: REQUESTS, ..Second::default() };
        let detail = SecondDetail { second, response: LatencyHistogram::coarse() };
        let mut facts = LoadFacts {
            window_start: order.start_at.after(order.ramp).after(order.warmup),
            window_ns: order.window.0,
            scheduled: REQUESTS,
            outcomes: Outcomes { ok: REQUESTS, ..Outcomes::default() },
            completed_in_window: REQUESTS,
            sent_total: REQUESTS,
            seconds: vec![second],
            ..LoadFacts::default()
        };
        facts.latencies.response = self.response.clone();
        let host = NodeHost { cpus: 1.0, cpu_ns: Some(1_000), ..NodeHost::default() };
        vec![
            answer(session, None, &line(&FromChild::DetailedSecond(Box::new(detail)))),
            answer(session, Some(host), &line(&FromChild::Done(Box::new(facts)))),
        ]
    }
}

fn order() -> TrialOrder {
    TrialOrder {
        arm: Arm::Direct,
        pace: Pace::Closed { vus: 8 },
        sequence: 0,
        connections: 8,
        ramp: Nanos::ZERO,
        warmup: Nanos::from_millis(100),
        window: Nanos::from_secs(1),
        start_at: Mono::now().after(LEAD),
        slice: None,
        tick: None,
        block: None,
        reconnect: None,
        requests_per_connection: None,
        lists_streams: false,
        stripe: None,
    }
}

/// Returns the peak of the memory of a process, in bytes.
pub(super) fn peak_of(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// Returns the peak of a hub after so many nodes have joined, were measured, and have sent the facts of a trial.
fn peak_with(nodes: u64) -> u64 {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let mut command = harness();
    command.arg("__hub").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut hub = Running(command.spawn().unwrap());
    let (commands, answers) = (hub.0.stdin.take().unwrap(), hub.0.stdout.take().unwrap());
    let secret = HubSecret::generate().unwrap();
    let order_of_hub = HubOrder {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        nodes,
        secret: secret.text(),
        wait: Nanos::from_secs(300),
        run_id: "run".to_owned(),
        now: None,
    };
    let all = Arc::new(Nodes::new(secret.node()));
    let join = |event: &HubEvent| {
        let HubEvent::Listening { address } = event else { return };
        (0..nodes).for_each(|index| drop(tokio::spawn(Arc::clone(&all).node(*address, index))));
    };
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let peak = runtime.block_on(async {
        let (commands, answers) = (OwnedFd::from(commands), OwnedFd::from(answers));
        let (streams, joined) = harness_fleet::assemble(commands, answers, &order_of_hub, join).await.unwrap();
        assert_eq!(joined.len() as u64, nodes);
        let job = Job {
            arms: Vec::new(),
            requests: Vec::new(),
            connections: nodes,
            workers: 0,
            seed: 1,
            packets_alone: false,
            stripe: None,
        };
        let mut generator = Generator::over(streams, job).await.unwrap();
        let facts = generator.follow(order(), |_| ()).await.unwrap();
        assert_eq!((facts.scheduled, facts.nodes.len() as u64), (REQUESTS * nodes, nodes));
        peak_of(hub.pid())
    });
    eprintln!("a hub with {nodes} nodes held {:.1} MiB at most", peak as f64 / f64::from(1 << 20));
    peak
}

#[test]
fn a_hub_holds_less_than_a_thousandth_of_its_bound_for_each_node() {
    let _alone = alone();
    let (few, many) = (peak_with(4), peak_with(104));
    let each = many.saturating_sub(few) / 100;
    assert!(each <= BOUND / 1_000, "{each} bytes for each node");
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_hub_of_a_thousand_nodes_holds_less_than_its_bound() {
    let _alone = alone();
    let peak = peak_with(1_000);
    assert!(peak <= BOUND, "{peak} bytes");
}
