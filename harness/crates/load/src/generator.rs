//! Control's side of the load child.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::time::timeout;

use super::echo::facts::Handshakes;
use super::error::Error;
use super::frames::{FromChild, Job, Opened, Preflight, ToChild, TrialOrder};
use crate::facts::Slice;
use crate::facts::{Arm, LoadFacts, Second};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The time that a child may take beyond the work itself before it counts as silent.
const SLACK: Duration = Duration::from_secs(30);

pub trait LoadEngine {
    /// Opens the connections of `arm`.
    ///
    /// # Errors
    /// Returns an error when the engine has exited or does not answer. Connections that cannot be opened are part of the answer.
    fn open(&mut self, arm: Arm) -> impl Future<Output = Result<Opened, Error>> + Send;

    /// Sends one request of each kind over `arm`.
    ///
    /// # Errors
    /// Returns an error when the engine has exited or does not answer. Wrong answers of the target are part of the answer.
    fn preflight(&mut self, arm: Arm) -> impl Future<Output = Result<Preflight, Error>> + Send;

    /// Runs a trial. Calls `seconds` with each second of its window as it passes.
    ///
    /// # Errors
    /// Returns an error when the engine has exited or does not answer.
    fn trial(
        &mut self,
        order: TrialOrder,
        seconds: impl FnMut(Second) + Send,
    ) -> impl Future<Output = Result<LoadFacts, Error>> + Send;
}

/// An event of a running trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LoadEvent {
    /// A second of the window has passed.
    Second(Second),
    /// A slice of the window has passed.
    Slice(Slice),
}

/// A load child.
#[derive(Debug)]
pub struct Generator {
    commands: pipe::Sender,
    answers: Lines<BufReader<pipe::Receiver>>,
    /// The longest timeout of the job's requests.
    longest_timeout: Nanos,
}

impl Generator {
    /// Sends a new `harness __load` its job and waits until its users are ready. `stdin` and `stdout` are our ends of its pipes.
    ///
    /// # Errors
    /// Returns an error when the job is impossible, for example because a template has an unknown field, or the child has exited.
    pub async fn start(stdin: OwnedFd, stdout: OwnedFd, job: Job) -> Result<Self, Error> {
        let answers = BufReader::new(pipe::Receiver::from_owned_fd(stdout)?).lines();
        let longest_timeout = job.requests.iter().map(|request| request.timeout).max().unwrap_or_default();
        let mut generator = Self { commands: pipe::Sender::from_owned_fd(stdin)?, answers, longest_timeout };
        let doing = "starting";
        generator.send(doing, &ToChild::Job(job)).await?;
        match generator.receive(doing, SLACK).await? {
            FromChild::Ready => Ok(generator),
            other => Err(unexpected(doing, &other)),
        }
    }

    /// Asks the child to exit. The caller must still wait for it.
    ///
    /// # Errors
    /// Returns an error when the child has exited already.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.send("stopping", &ToChild::Stop).await
    }

    /// Runs a trial, and calls `events` with what the child reports meanwhile.
    ///
    /// # Errors
    /// Returns an error when the engine has exited or does not answer.
    pub async fn follow(
        &mut self,
        order: TrialOrder,
        mut events: impl FnMut(LoadEvent) + Send,
    ) -> Result<LoadFacts, Error> {
        let doing = "running a trial";
        let lead = order.start_at.since(Mono::now()).plus(order.ramp).plus(order.warmup);
        // The child reports each second, however long the window is.
        let quiet = order.window.min(Nanos::from_secs(10));
        let within = lead.plus(quiet).plus(self.longest_timeout).duration() + SLACK;
        self.send(doing, &ToChild::Trial(order)).await?;
        loop {
            match self.receive(doing, within).await? {
                FromChild::Second(second) => events(LoadEvent::Second(second)),
                FromChild::Slice(slice) => events(LoadEvent::Slice(*slice)),
                FromChild::Done(facts) => return Ok(*facts),
                other => return Err(unexpected(doing, &other)),
            }
        }
    }

    /// Opens `count` connections of an arm one after the other, and as many again that resume a session, if the arm has that.
    ///
    /// # Errors
    /// Returns an error when the engine has exited or does not answer. Connections that fail are part of the answer.
    pub async fn handshakes(&mut self, arm: Arm, count: u64) -> Result<Handshakes, Error> {
        let doing = "opening connections one after the other";
        self.send(doing, &ToChild::Handshakes { arm, count }).await?;
        // Of each kind, up to three times as many are tried, and resuming can take two.
        let within = self.longest_timeout.times(count.saturating_mul(9)).duration() + SLACK;
        match self.receive(doing, within).await? {
            FromChild::Handshaken(handshakes) => Ok(*handshakes),
            other => Err(unexpected(doing, &other)),
        }
    }

    async fn send(&mut self, doing: &'static str, command: &ToChild) -> Result<(), Error> {
        let mut line = serde_json::to_vec(command).map_err(std::io::Error::other)?;
        line.push(b'\n');
        self.commands.write_all(&line).await.map_err(|_| Error::Died { doing })
    }

    /// Receives the child's next frame. A reported failure is an error.
    async fn receive(&mut self, doing: &'static str, within: Duration) -> Result<FromChild, Error> {
        let next = timeout(within, self.answers.next_line()).await;
        let line = next.map_err(|_| Error::Silent { doing, seconds: within.as_secs() })??;
        let line = line.ok_or(Error::Died { doing })?;
        match serde_json::from_str(&line) {
            Ok(FromChild::Failed { message }) => Err(Error::Failed { doing, message }),
            Ok(frame) => Ok(frame),
            Err(source) => Err(Error::Malformed { doing, line: beginning(&line), source }),
        }
    }
}

impl LoadEngine for Generator {
    async fn open(&mut self, arm: Arm) -> Result<Opened, Error> {
        let doing = "opening connections";
        self.send(doing, &ToChild::Open(arm)).await?;
        // Connections are opened in groups, and each group can take its whole timeout.
        match self.receive(doing, self.longest_timeout.times(100).duration().max(SLACK)).await? {
            FromChild::Opened(opened) => Ok(opened),
            other => Err(unexpected(doing, &other)),
        }
    }

    async fn preflight(&mut self, arm: Arm) -> Result<Preflight, Error> {
        let doing = "sending one request of each kind";
        self.send(doing, &ToChild::Preflight(arm)).await?;
        match self.receive(doing, self.longest_timeout.times(100).duration().max(SLACK)).await? {
            FromChild::Preflighted(preflight) => Ok(preflight),
            other => Err(unexpected(doing, &other)),
        }
    }

    async fn trial(&mut self, order: TrialOrder, mut seconds: impl FnMut(Second) + Send) -> Result<LoadFacts, Error> {
        let second = |event: LoadEvent| {
            if let LoadEvent::Second(second) = event {
                seconds(second);
            }
        };
        self.follow(order, second).await
    }
}

fn unexpected(doing: &'static str, frame: &FromChild) -> Error {
    Error::Unexpected { doing, frame: beginning(&format!("{frame:?}")) }
}

fn beginning(line: &str) -> String {
    line.chars().take(200).collect()
}
