//! Nodes that speak the protocol without a load child, and control's side of a hub.

use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf, duplex, split,
};
use tokio::task::JoinHandle;

use crate::frame::{self, FrameReader, LARGEST_MESSAGE, text};
use crate::hub::{HubError, conduct};
use crate::message::{FromNode, ToNode, answer};
use crate::order::{LEAD, NodeFacts};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::facts::{Arm, LoadFacts, Second};
use harness_load::frames::{FromChild, Opened, SecondDetail, ToChild};
use harness_load::latency::LatencyHistogram;
use harness_load::nodes::NodeHost;
use harness_load::outcome::Outcomes;
use harness_load::pace::Pace;
use harness_load::{Job, Streams, TrialOrder};

/// What a node does when it should run a trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum InTrial {
    #[default]
    Works,
    /// It stays connected and neither reads nor writes.
    FallsSilent,
    /// It closes the connection.
    Leaves,
    /// It sends what is no message.
    Babbles,
    /// Its load child ends.
    LosesChild,
}

/// A node without a load child.
#[derive(Debug, Clone, Default)]
pub(super) struct Fake {
    /// How far its clock is ahead.
    pub(super) ahead_ns: i64,
    pub(super) in_trial: InTrial,
    /// The message with which its load child refuses a job.
    pub(super) refuses_job: Option<&'static str>,
    /// The response times that it reports of every trial.
    pub(super) response: LatencyHistogram,
}

impl Fake {
    fn now(&self) -> Mono {
        Mono(Mono::now().0.saturating_add_signed(self.ahead_ns))
    }

    /// Serves a hub until the connection or the run ends.
    pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(self, mut stream: S) {
        loop {
            let Ok(message) = FrameReader::new(&mut stream, LARGEST_MESSAGE).next().await else { return };
            let replies = match serde_json::from_slice(&message).unwrap() {
                ToNode::Probe { sent } => vec![text(&FromNode::Probed { sent, now: self.now() })],
                ToNode::Command { session, command } => match *command {
                    ToChild::Trial(order) => match self.in_trial {
                        InTrial::Works => self.trial(session, &order),
                        InTrial::FallsSilent => std::future::pending().await,
                        InTrial::Leaves => return,
                        InTrial::Babbles => vec![b"what".to_vec()],
                        InTrial::LosesChild => {
                            vec![text(&FromNode::Ended { session, message: "signal: 9 (SIGKILL)".to_owned() })]
                        }
                    },
                    other => vec![answer(session, None, &line(&self.answer(other)))],
                },
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

    fn answer(&self, command: ToChild) -> FromChild {
        match (command, self.refuses_job) {
            (ToChild::Job(_), Some(message)) => FromChild::Failed { message: message.to_owned() },
            (ToChild::Job(_), None) => FromChild::Ready,
            (ToChild::Open(arm), _) => FromChild::Opened(Opened { arm, connections: 2, failed: 0, example: None }),
            (other, _) => FromChild::Failed { message: format!("{other:?} is not expected") },
        }
    }

    fn trial(&self, session: u64, order: &TrialOrder) -> Vec<Vec<u8>> {
        let second = Second { from_s: 0.0, length_s: 1.0, ok: 10, ..Second::default() };
        let detail = SecondDetail { second, response: LatencyHistogram::coarse() };
        let mut facts = LoadFacts {
            window_start: order.start_at.after(order.ramp).after(order.warmup),
            window_ns: order.window.0,
            scheduled: self.response.count(),
            outcomes: Outcomes { ok: self.response.count(), ..Outcomes::default() },
            completed_in_window: self.response.count(),
            sent_total: self.response.count(),
            seconds: vec![second],
            ..LoadFacts::default()
        };
        facts.latencies.response = self.response.clone();
        let host = NodeHost { cpus: 2.0, cpu_ns: Some(1_000), ..NodeHost::default() };
        vec![
            answer(session, None, &line(&FromChild::DetailedSecond(Box::new(detail)))),
            answer(session, Some(host), &line(&FromChild::Done(Box::new(facts)))),
        ]
    }
}

fn line(frame: &FromChild) -> String {
    String::from_utf8(text(frame)).unwrap()
}

/// Returns response times of this many requests, spread over some milliseconds, in the form that needs little memory.
pub(super) fn response_times(number: u64) -> LatencyHistogram {
    let mut times = LatencyHistogram::default();
    for request in 0..number {
        times.record(Nanos::from_micros(200 + request * 7919 % 3_000));
    }
    serde_json::from_slice(&text(&times)).unwrap()
}

/// The hub's end of control's streams.
pub(super) type Commands = Lines<BufReader<ReadHalf<DuplexStream>>>;
pub(super) type Answers = WriteHalf<DuplexStream>;

/// Connects control with a hub.
pub(super) fn control() -> (Streams, Commands, Answers) {
    let (near, far) = duplex(1 << 20);
    let ((answers, commands), (read, write)) = (split(near), split(far));
    (Streams::new(commands, answers), BufReader::new(read).lines(), write)
}

/// Starts a hub whose nodes have joined, and its nodes.
pub(super) fn hub(fakes: Vec<Fake>) -> (Streams, JoinHandle<Result<(), HubError>>) {
    let (streams, commands, answers) = control();
    let nodes = joined(fakes);
    (streams, tokio::spawn(conduct(nodes, commands, answers)))
}

/// Starts nodes. Returns the hub's ends of their streams.
pub(super) fn joined(fakes: Vec<Fake>) -> Vec<(NodeFacts, DuplexStream)> {
    let join = |(index, fake): (usize, Fake)| {
        let (near, far) = duplex(1 << 16);
        tokio::spawn(fake.serve(far));
        (NodeFacts { index: index as u64, name: format!("worker-{index}"), ..NodeFacts::default() }, near)
    };
    fakes.into_iter().enumerate().map(join).collect()
}

pub(super) fn job(connections: u64) -> Job {
    Job { arms: Vec::new(), requests: Vec::new(), connections, workers: 0, seed: 1, stripe: None, packets_alone: false }
}

pub(super) fn order() -> TrialOrder {
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
