//! An agent with its connections to one arm.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::agent::{Agent, Ended, Request, Step};
use super::lane::{Lane, Times};
use super::method::Method;
use super::prepared::Prepared;
use crate::arm_client::{ArmClient, Completion};
use crate::judge::Expected;
use crate::outcome::Outcome;
use crate::release::release;
use crate::trial::{NextRequest, Seen, Trial, Turn};
use harness_base::clock::Mono;
use harness_base::timer::Timer;
use harness_base::units::Nanos;

/// The pause of an agent in a closed loop after a failed connection, which prevents a flood of attempts.
const CONNECT_PAUSE: Duration = Duration::from_millis(1);

pub(crate) struct User {
    agent: Agent,
    /// As many as calls of a burst.
    lanes: Vec<Lane>,
    /// The requests of the step that is under way.
    requests: Vec<Request>,
    /// In a closed loop, the end of the pause after the last burst, if there is one.
    rests_until: Option<Mono>,
}

impl User {
    /// Creates the agent of user `index`, with a client for each call of a burst.
    pub(crate) fn new(seed: u64, index: u64, clients: impl Iterator<Item = ArmClient>) -> Self {
        Self {
            agent: Agent::new(seed, index),
            lanes: clients.map(Lane::new).collect(),
            requests: Vec::new(),
            rests_until: None,
        }
    }

    /// Opens the connections that are not open. Returns the outcome and the message of the first failure.
    pub(crate) async fn open(&mut self, timeout: Nanos) -> Result<(), (Outcome, String)> {
        for lane in &mut self.lanes {
            lane.open(timeout).await?;
        }
        Ok(())
    }

    /// Takes the next step of the agent: one request, or the calls of a burst at the same time. Returns false when the trial has no more
    /// requests.
    pub(crate) async fn take_step(&mut self, prepared: &Prepared, trial: &Trial, timer: &mut Timer) -> bool {
        if let Some(until) = self.rests_until.take() {
            timer.until(until.min(trial.window_end)).await;
        }
        let step = self.agent.step(&prepared.workload);
        let (claim, requests) = trial.claim_some(step.requests);
        if matches!(claim, NextRequest::Over) {
            return false;
        }
        // At the edges of the window, a burst can be shorter.
        let step = Step { requests, ..step };
        // Written before they are due, so that writing does not delay them.
        self.prepare(step, prepared);
        let Some(turn) = release(trial, &claim, timer).await else { return false };
        (0..requests).for_each(|_| trial.begin(&turn));
        let times = Times {
            now: turn.sent,
            until: turn.sent.after(prepared.timeout).min(trial.drain_until),
            sent: trial.is_closed().then_some(turn.sent),
        };
        let lanes = &mut self.lanes[..self.requests.len()];
        let completions = together(lanes, prepared.expected(step.method), times, || trial.end()).await;
        let ended = self.record(&turn, completions, trial, prepared);
        let sessions = self.agent.after(step, ended, &prepared.workload);
        trial.count_sessions(&sessions);
        if step.method == Method::ToolsCall && trial.is_closed() {
            let pause = self.agent.draw_pause(&prepared.workload);
            self.rests_until = (pause > Nanos::ZERO).then(|| Mono::now().after(pause));
        }
        if ended.outcome != Outcome::Ok {
            // A refused connection takes almost no time, so other agents must get their turn.
            match claim {
                NextRequest::Now if ended.outcome == Outcome::Connect => tokio::time::sleep(CONNECT_PAUSE).await,
                _ => tokio::task::yield_now().await,
            }
        }
        true
    }

    /// Writes down the requests of a step, one on each lane.
    fn prepare(&mut self, step: Step, prepared: &Prepared) {
        self.requests.clear();
        for lane in &mut self.lanes[..usize::try_from(step.requests).unwrap_or(usize::MAX)] {
            let request = self.agent.request(step.method, &prepared.workload);
            lane.prepare(&request, &self.agent, prepared);
            self.requests.push(request);
        }
    }

    /// Checks and counts the answers of a step. Returns how it ended.
    fn record(&mut self, turn: &Turn, completions: Vec<Completion>, trial: &Trial, prepared: &Prepared) -> Ended {
        let mut ended = Ended { outcome: Outcome::Ok, status: 0 };
        for ((lane, request), mut completion) in self.lanes.iter().zip(&self.requests).zip(completions) {
            let checked = lane.check(request, &mut completion, &self.agent, prepared);
            if let Some(session) = checked.session {
                self.agent.open(session);
            }
            if let Some(page) = &checked.page {
                self.agent.learn(page, &prepared.workload);
            }
            trial.record(turn, &completion, Seen { mcp: Some(checked.mark), ..Seen::default() });
            if completion.outcome == Outcome::Ok {
                continue;
            }
            if ended.outcome == Outcome::Ok || Agent::is_lost(checked.status) {
                ended = Ended { outcome: completion.outcome, status: checked.status };
            }
            if let Some(message) = completion.message.take_if(|_| trial.wants_example()) {
                trial.example(message);
            }
        }
        ended
    }

    /// Sends the requests of a step without a trial, for the preflight. Returns the first request, its completion and its status.
    pub(super) async fn try_step(&mut self, prepared: &Prepared) -> (Request, Completion, u16) {
        let step = Step { requests: 1, ..self.agent.step(&prepared.workload) };
        self.prepare(step, prepared);
        let now = Mono::now();
        let times = Times { now, until: now.after(prepared.timeout), sent: None };
        let (lane, request) = (&mut self.lanes[0], self.requests[0]);
        let mut completion = lane.exchange(prepared.expected(step.method), times).await;
        let checked = lane.check(&request, &mut completion, &self.agent, prepared);
        if let Some(session) = checked.session {
            self.agent.open(session);
        }
        if let Some(page) = &checked.page {
            self.agent.learn(page, &prepared.workload);
        }
        let status = checked.status;
        self.agent.after(step, Ended { outcome: completion.outcome, status }, &prepared.workload);
        (request, completion, status)
    }

    /// Ends the session next.
    pub(super) fn finish(&mut self) -> bool {
        self.agent.finish();
        self.agent.ends_session()
    }

    /// Returns what was negotiated; `None` for HTTP/1.1 without TLS.
    pub(super) fn negotiated(&self) -> Option<String> {
        self.lanes.first()?.negotiated().map(|negotiated| negotiated.protocol)
    }
}

/// A request of a burst.
enum Running<F> {
    UnderWay(Pin<Box<F>>),
    Ended(Completion),
}

/// Sends the requests of all `lanes` at the same time, and reads the answers to their ends, at each of which it calls `end`.
async fn together(lanes: &mut [Lane], expected: &Expected, times: Times, end: impl Fn()) -> Vec<Completion> {
    if let [lane] = lanes {
        let completion = lane.exchange(expected, times).await;
        end();
        return vec![completion];
    }
    let mut requests: Vec<_> =
        lanes.iter_mut().map(|lane| Running::UnderWay(Box::pin(lane.exchange(expected, times)))).collect();
    poll_fn(|cx| {
        let mut left = 0;
        for request in &mut requests {
            if let Running::UnderWay(exchange) = request {
                match exchange.as_mut().poll(cx) {
                    Poll::Ready(completion) => {
                        *request = Running::Ended(completion);
                        end();
                    }
                    Poll::Pending => left += 1,
                }
            }
        }
        if left == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let ended = |request| match request {
        Running::Ended(completion) => Some(completion),
        Running::UnderWay(_) => None,
    };
    requests.into_iter().filter_map(ended).collect()
}
