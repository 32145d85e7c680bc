//! A user that sends one message after the other and waits for its echo.

use std::time::Duration;

use super::content;
use super::exchange::{exchange, within};
use super::place::Place;
use super::stream::Stream;
use crate::arm_client::Completion;
use crate::deadline::Deadline;
use crate::outcome::Outcome;
use crate::release::release;
use crate::trial::{NextRequest, Seen, Trial};
use harness_base::clock::Mono;
use harness_base::error::chain;
use harness_base::timer::Timer;

/// The pause of a user in a closed loop when no connection can be opened, which prevents a flood of attempts.
const PAUSE: Duration = Duration::from_millis(1);

pub(crate) struct User {
    index: u64,
    /// The number of the next message.
    number: u64,
    stream: Option<Stream>,
    /// Whether a stream was open before, so that another one replaces it.
    had: bool,
    deadline: Deadline,
    message: Vec<u8>,
    buffer: Vec<u8>,
}

impl User {
    pub(crate) fn new(index: u64) -> Self {
        let (deadline, message, buffer) = (Deadline::new(), Vec::new(), Vec::new());
        Self { index, number: 0, stream: None, had: false, deadline, message, buffer }
    }

    /// Opens what carries the messages, unless it is open. Returns the outcome and the message of a failure.
    pub(crate) async fn open(&mut self, place: &Place) -> Result<(), (Outcome, String)> {
        let now = Mono::now();
        self.deadline.set(now, now.after(place.timeout));
        self.ensure(place).await
    }

    /// Opens it within the present deadline.
    async fn ensure(&mut self, place: &Place) -> Result<(), (Outcome, String)> {
        if self.stream.is_some() {
            return Ok(());
        }
        match within(&mut self.deadline, Box::pin(place.open())).await {
            Some(Ok((stream, _))) => {
                self.stream = Some(stream);
                Ok(())
            }
            Some(Err(error)) => Err((Outcome::Connect, format!("no connection to the server: {error}"))),
            None => Err((Outcome::Timeout, "no connection to the server in time".to_owned())),
        }
    }

    /// Sends the next message. Returns false when the trial has no more for this user.
    pub(crate) async fn take_step(&mut self, place: &Place, trial: &Trial, timer: &mut Timer) -> bool {
        let claim = trial.claim();
        if matches!(claim, NextRequest::Over) {
            return false;
        }
        // Made before it is due, so that making it does not delay it.
        self.prepare(place);
        let Some(turn) = release(trial, &claim, timer).await else { return false };
        trial.begin(&turn);
        self.deadline.set(turn.sent, turn.sent.after(place.timeout).min(trial.drain_until));
        let completion = self.send(place).await;
        trial.record(&turn, &completion, Seen::default());
        if completion.outcome != Outcome::Ok {
            if let Some(message) = completion.message.filter(|_| trial.wants_example()) {
                trial.example(message);
            }
            // What is refused fails at once, so other users must get their turn.
            match (claim, completion.outcome) {
                (NextRequest::Now, Outcome::Connect | Outcome::Reset) => tokio::time::sleep(PAUSE).await,
                _ => tokio::task::yield_now().await,
            }
        }
        true
    }

    /// Makes the next message.
    pub(super) fn prepare(&mut self, place: &Place) {
        self.message.resize(usize::try_from(place.workload.size.0).unwrap_or(usize::MAX), 0);
        content::fill(&mut self.message, place.seed, (self.index, self.number));
        self.number += 1;
    }

    /// Sends the message and reads its echo until the deadline. Whatever is wrong ends the stream.
    pub(super) async fn send(&mut self, place: &Place) -> Completion {
        let mut completion = Completion::new();
        if self.stream.is_none() {
            completion.reconnects = u64::from(self.had);
            if let Err((outcome, message)) = self.ensure(place).await {
                return completion.failed(outcome, message);
            }
        }
        let Some(mut stream) = self.stream.take() else {
            return completion.failed(Outcome::Connect, "no connection to the server");
        };
        self.had = true;
        match exchange(&mut stream, &self.message, &mut self.buffer, &mut self.deadline).await {
            Ok(echoed) => {
                if echoed.is_ok() {
                    self.stream = Some(stream);
                } else {
                    stream.end();
                }
                echoed.completion(completion)
            }
            Err(failure) => {
                stream.end();
                completion.writes = 1;
                completion.failed(failure.outcome(), chain(&failure))
            }
        }
    }
}
