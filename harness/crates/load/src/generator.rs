//! Control's side of a load child.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::time::timeout;

use super::Error;
use super::frames::{FromChild, Job, Opened, Preflight, ToChild, TrialOrder};
use crate::facts::Slice;
use crate::facts::{Arm, LoadFacts, Second};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// What a child may take beyond the work itself before it counts as silent.
const SLACK: Duration = Duration::from_secs(30);

pub trait LoadEngine {
    /// Opens the connections of `arm`.
    ///
    /// # Errors
    /// When the engine is gone or does not answer. Connections that cannot be opened are part of the answer.
    fn open(&mut self, arm: Arm) -> impl Future<Output = Result<Opened, Error>> + Send;

    /// Sends one request of every kind over `arm`.
    ///
    /// # Errors
    /// When the engine is gone or does not answer. Wrong answers are part of the answer.
    fn preflight(&mut self, arm: Arm) -> impl Future<Output = Result<Preflight, Error>> + Send;

    /// Runs a trial; each second of its window is given to `seconds` as it passes.
    ///
    /// # Errors
    /// When the engine is gone or does not answer.
    fn trial(
        &mut self,
        order: TrialOrder,
        seconds: impl FnMut(Second) + Send,
    ) -> impl Future<Output = Result<LoadFacts, Error>> + Send;
}

/// What a child tells while a trial runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LoadEvent {
    /// A second of the window has passed.
    Second(Second),
    /// A slice of the window has passed.
    Slice(Slice),
}

/// A load child, as control sees it.
#[derive(Debug)]
pub struct Generator {
    orders: pipe::Sender,
    answers: Lines<BufReader<pipe::Receiver>>,
    /// The longest timeout of the job's requests.
    longest_timeout: Nanos,
}

impl Generator {
    /// Gives a fresh `harness __load` its job and waits until its users stand at the gate. `stdin` and `stdout` are our ends
    /// of its pipes.
    ///
    /// # Errors
    /// When the job cannot be done, for example because a template has an unknown field, or the child is gone.
    pub async fn start(stdin: OwnedFd, stdout: OwnedFd, job: Job) -> Result<Self, Error> {
        let answers = BufReader::new(pipe::Receiver::from_owned_fd(stdout)?).lines();
        let longest_timeout = job.requests.iter().map(|request| request.timeout).max().unwrap_or_default();
        let mut generator = Self { orders: pipe::Sender::from_owned_fd(stdin)?, answers, longest_timeout };
        let doing = "starting";
        generator.tell(doing, &ToChild::Job(job)).await?;
        match generator.hear(doing, SLACK).await? {
            FromChild::Ready => Ok(generator),
            other => Err(unexpected(doing, &other)),
        }
    }

    /// Ends the child; whoever started it still has to wait for it.
    ///
    /// # Errors
    /// When the child is gone already.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.tell("stopping", &ToChild::Stop).await
    }

    /// Runs a trial; what the child tells meanwhile is given to `told`.
    ///
    /// # Errors
    /// When the engine is gone or does not answer.
    pub async fn follow(
        &mut self,
        order: TrialOrder,
        mut told: impl FnMut(LoadEvent) + Send,
    ) -> Result<LoadFacts, Error> {
        let doing = "running a trial";
        let lead = order.start_at.since(Mono::now()).plus(order.ramp).plus(order.warmup);
        // Every second of a window is told, however long it is.
        let quiet = order.window.min(Nanos::from_secs(10));
        let within = lead.plus(quiet).plus(self.longest_timeout).duration() + SLACK;
        self.tell(doing, &ToChild::Trial(order)).await?;
        loop {
            match self.hear(doing, within).await? {
                FromChild::Second(second) => told(LoadEvent::Second(second)),
                FromChild::Slice(slice) => told(LoadEvent::Slice(*slice)),
                FromChild::Done(facts) => return Ok(*facts),
                other => return Err(unexpected(doing, &other)),
            }
        }
    }

    async fn tell(&mut self, doing: &'static str, order: &ToChild) -> Result<(), Error> {
        let mut line = serde_json::to_vec(order).map_err(std::io::Error::other)?;
        line.push(b'\n');
        self.orders.write_all(&line).await.map_err(|_| Error::Died { doing })
    }

    /// The child's next frame that is no failure.
    async fn hear(&mut self, doing: &'static str, within: Duration) -> Result<FromChild, Error> {
        let next = timeout(within, self.answers.next_line()).await;
        let line = next.map_err(|_| Error::Silent { doing, seconds: within.as_secs() })??;
        let line = line.ok_or(Error::Died { doing })?;
        match serde_json::from_str(&line) {
            Ok(FromChild::Failed { message }) => Err(Error::Failed { doing, message }),
            Ok(frame) => Ok(frame),
            Err(error) => Err(Error::Garbled { doing, line: beginning(&line), reason: error.to_string() }),
        }
    }
}

impl LoadEngine for Generator {
    async fn open(&mut self, arm: Arm) -> Result<Opened, Error> {
        let doing = "opening connections";
        self.tell(doing, &ToChild::Open(arm)).await?;
        // Groups of connections are opened one after the other, and each may use up its timeout.
        match self.hear(doing, self.longest_timeout.times(100).duration().max(SLACK)).await? {
            FromChild::Opened(opened) => Ok(opened),
            other => Err(unexpected(doing, &other)),
        }
    }

    async fn preflight(&mut self, arm: Arm) -> Result<Preflight, Error> {
        let doing = "sending one request of every kind";
        self.tell(doing, &ToChild::Preflight(arm)).await?;
        match self.hear(doing, self.longest_timeout.times(100).duration().max(SLACK)).await? {
            FromChild::Preflighted(preflight) => Ok(preflight),
            other => Err(unexpected(doing, &other)),
        }
    }

    async fn trial(&mut self, order: TrialOrder, mut seconds: impl FnMut(Second) + Send) -> Result<LoadFacts, Error> {
        let second = |told: LoadEvent| {
            if let LoadEvent::Second(second) = told {
                seconds(second);
            }
        };
        self.follow(order, second).await
    }
}

fn unexpected(doing: &'static str, frame: &FromChild) -> Error {
    Error::Garbled { doing, line: beginning(&format!("{frame:?}")), reason: "out of turn".to_owned() }
}

fn beginning(line: &str) -> String {
    line.chars().take(200).collect()
}
