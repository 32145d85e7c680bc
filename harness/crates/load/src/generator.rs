//! Control's side of the load child, or of what speaks its protocol.

mod streams;

use std::future::Future;
use std::os::fd::OwnedFd;
use std::time::Duration;

use serde_json::Value;

pub use self::streams::Streams;

use self::streams::beginning;
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

/// A load child, or several behind a hub.
#[derive(Debug)]
pub struct Generator {
    streams: Streams,
    /// The longest timeout of the job's requests.
    longest_timeout: Nanos,
    /// What was reported from beside the generators.
    beside: Vec<Value>,
}

impl Generator {
    /// Sends a new `harness __load` its job and waits until its users are ready. `stdin` and `stdout` are our ends of its pipes.
    ///
    /// # Errors
    /// Returns an error when the job is impossible, for example because a template has an unknown field, or the child has exited.
    pub async fn start(stdin: OwnedFd, stdout: OwnedFd, job: Job) -> Result<Self, Error> {
        Self::begin(Streams::of(stdin, stdout)?, job, false).await
    }

    /// Sends a hub the next job and waits until the users of all its generators are ready. Frames of the job before it, which can have
    /// been stopped in the middle of a trial, are skipped.
    ///
    /// # Errors
    /// Returns an error when the job is impossible, a generator was lost, or the hub has exited.
    pub async fn over(streams: Streams, job: Job) -> Result<Self, Error> {
        Self::begin(streams, job, true).await
    }

    async fn begin(streams: Streams, job: Job, skips: bool) -> Result<Self, Error> {
        let longest_timeout = job.requests.iter().map(|request| request.timeout).max().unwrap_or_default();
        let mut generator = Self { streams, longest_timeout, beside: Vec::new() };
        let doing = "starting";
        generator.send(doing, &ToChild::Job(job)).await?;
        loop {
            match generator.receive(doing, SLACK).await? {
                FromChild::Ready => {
                    generator.beside.clear();
                    return Ok(generator);
                }
                other if !skips => return Err(unexpected(doing, &other)),
                _ => {}
            }
        }
    }

    /// Asks the child to exit. The caller must still wait for it.
    ///
    /// # Errors
    /// Returns an error when the child has exited already.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.send("stopping", &ToChild::Stop).await
    }

    /// Ends the job of a hub. Returns the streams, for the next one.
    ///
    /// # Errors
    /// Returns an error when the hub has exited.
    pub async fn release(mut self) -> Result<Streams, Error> {
        self.send("ending a job", &ToChild::Stop).await?;
        Ok(self.streams)
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
                FromChild::DetailedSecond(detail) => events(LoadEvent::Second(detail.second())),
                FromChild::DetailedSlice(detail) => events(LoadEvent::Slice(detail.slice())),
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

    /// Returns what was reported from beside the generators since the last call, in its order.
    pub fn take_beside(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.beside)
    }

    async fn send(&mut self, doing: &'static str, command: &ToChild) -> Result<(), Error> {
        self.streams.send(doing, command).await
    }

    /// Receives the child's next frame. A reported failure is an error. What comes from beside the generators is kept.
    async fn receive(&mut self, doing: &'static str, within: Duration) -> Result<FromChild, Error> {
        loop {
            match self.streams.frame(doing, within).await? {
                FromChild::Failed { message } => return Err(Error::Failed { doing, message }),
                FromChild::Lost(lost) => return Err(Error::Lost(lost)),
                FromChild::Beside(value) => self.beside.push(value),
                frame => return Ok(frame),
            }
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

#[cfg(test)]
mod tests;
