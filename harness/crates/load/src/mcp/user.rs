//! An agent with its connections to one arm.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::agent::{Agent, Ended, Request, Step};
use super::lane::{Lane, Times};
use super::listener::Listener;
use super::method::Method;
use super::prepared::Prepared;
use crate::arm_client::{ArmClient, Completion};
use crate::judge::Expected;
use crate::outcome::Outcome;
use crate::release::release;
use crate::trial::{NextRequest, Seen, Trial, Turn};
use crate::wire::Route;
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
    /// The stream on which the server can send, while the agent holds one or was refused it.
    listener: Option<Listener>,
    /// How the arm is reached, for that stream.
    route: Route,
    /// In a closed loop, the end of the pause after the last burst, if there is one.
    rests_until: Option<Mono>,
}

impl User {
    /// Creates the agent of user `index`, with a client for each call of a burst; `route` is that of a stream beside them.
    pub(crate) fn new(seed: u64, index: u64, route: Route, clients: impl Iterator<Item = ArmClient>) -> Self {
        Self {
            agent: Agent::new(seed, index),
            lanes: clients.map(Lane::new).collect(),
            requests: Vec::new(),
            listener: None,
            route,
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

    /// Takes steps until the trial has no more requests for this agent.
    pub(crate) async fn take_part(&mut self, prepared: &Prepared, trial: &Trial, timer: &mut Timer) {
        while self.take_step(prepared, trial, timer).await {}
    }

    /// Takes the next step of the agent: one request, or the calls of a burst at the same time. Returns false when the trial has no more
    /// requests.
    async fn take_step(&mut self, prepared: &Prepared, trial: &Trial, timer: &mut Timer) -> bool {
        if let Some(until) = self.rests_until.take() {
            timer.until(until.min(trial.window_end)).await;
        }
        let step = self.agent.step(&prepared.workload);
        let (claim, requests) = trial.claim_some(step.requests);
        if matches!(claim, NextRequest::Over) {
            return false;
        }
        // At the edges of the window, a burst can be shorter.
        let step = Step { requests, batched: step.batched && requests > 1, ..step };
        // Written before they are due, so that writing does not delay them.
        self.prepare(step, prepared);
        let Some(turn) = release(trial, &claim, timer).await else { return false };
        (0..requests).for_each(|_| trial.begin(&turn));
        let times = Times {
            now: turn.sent,
            until: turn.sent.after(prepared.timeout).min(trial.drain_until),
            sent: trial.is_closed().then_some(turn.sent),
        };
        let expected = prepared.expected(step.method);
        let ended = if step.batched {
            let completion = self.lanes[0].exchange(expected, times).await;
            (0..requests).for_each(|_| trial.end());
            self.record_batch(&turn, &completion, trial, prepared)
        } else if requests == 1 {
            let completion = self.lanes[0].exchange(expected, times).await;
            trial.end();
            self.record(&turn, [completion], trial, prepared)
        } else {
            let lanes = &mut self.lanes[..self.requests.len()];
            let completions = together(lanes, expected, times, || trial.end()).await;
            self.record(&turn, completions, trial, prepared)
        };
        let sessions = self.agent.after(step, ended, &prepared.workload);
        trial.count_sessions(&sessions);
        self.follow_stream(prepared, trial).await;
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

    /// Hands the calls of the trial over to its counts.
    pub(crate) fn leave(&mut self, trial: &Trial) {
        trial.count_calls(self.agent.take_calls());
        trial.count_listened(&self.listener.as_ref().map(Listener::take).unwrap_or_default());
    }

    /// Opens the stream of a session that has one, and closes that of a session that has ended.
    async fn follow_stream(&mut self, prepared: &Prepared, trial: &Trial) {
        if !self.agent.listens() {
            if let Some(listener) = self.listener.take() {
                trial.count_listened(&listener.take());
            }
            return;
        }
        if self.listener.is_some() {
            return;
        }
        let request = self.agent.listen(&prepared.workload);
        let (mut text, mut body) = (Vec::new(), Vec::new());
        prepared.texts.write(&[request], &self.agent, &prepared.workload, (&mut text, &mut body));
        let until = Mono::now().after(prepared.timeout).min(trial.drain_until);
        // Boxed, because it is rare and would enlarge the future of every step.
        let opened = Box::pin(Listener::open(&self.route, &text, &prepared.workload, until)).await;
        trial.count_stream(request.method, &opened.listened);
        if let Some(failure) = opened.failure.filter(|_| trial.wants_example()) {
            trial.example(format!("{}: {failure}", request.method.name()));
        }
        self.listener = Some(opened.listener);
    }

    /// Writes down the requests of a step, one on each lane.
    fn prepare(&mut self, step: Step, prepared: &Prepared) {
        self.requests.clear();
        if step.batched {
            let calls = (0..step.requests).map(|_| self.agent.request(step.method, &prepared.workload));
            self.requests.extend(calls);
            return self.lanes[0].prepare(&self.requests, &self.agent, prepared);
        }
        for lane in &mut self.lanes[..usize::try_from(step.requests).unwrap_or(usize::MAX)] {
            let request = self.agent.request(step.method, &prepared.workload);
            lane.prepare(&[request], &self.agent, prepared);
            self.requests.push(request);
        }
    }

    /// Checks and counts the answers of a step. Returns how it ended.
    fn record(
        &mut self,
        turn: &Turn,
        completions: impl IntoIterator<Item = Completion>,
        trial: &Trial,
        prepared: &Prepared,
    ) -> Ended {
        let mut ended = Ended { outcome: Outcome::Ok, status: 0 };
        for ((lane, request), mut completion) in self.lanes.iter().zip(&self.requests).zip(completions) {
            let checked = lane.check(request, &mut completion, &self.agent, prepared);
            if let Some(session) = checked.session {
                self.agent.open(session);
            }
            if let Some(page) = &checked.page {
                self.agent.learn(page, &prepared.workload);
            }
            self.agent.called(request, completion.writes);
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

    /// Checks and counts the answers to a batch, each of whose calls is a request of the trial. Returns how it ended.
    fn record_batch(&mut self, turn: &Turn, whole: &Completion, trial: &Trial, prepared: &Prepared) -> Ended {
        let lane = &self.lanes[0];
        let mut ended = Ended { outcome: Outcome::Ok, status: 0 };
        trial.count_batch(whole.writes);
        for (place, (checked, request)) in
            lane.check_batch(&self.requests, whole, prepared).into_iter().zip(&self.requests).enumerate()
        {
            let mut completion = whole.clone();
            if place > 0 {
                // The request was written, and its connection opened, once.
                (completion.writes, completion.reconnects) = (0, 0);
            }
            let mut mark = checked.mark;
            if let Some(wrong) = &checked.wrong {
                mark.fault = Some(wrong.fault);
                completion.outcome = Outcome::WrongBody;
                completion.message = Some(lane.describe(request.method, wrong));
            } else if completion.outcome != Outcome::Ok {
                completion.message = Some(lane.describe_failure(request.method, whole));
            }
            self.agent.called(request, mark.writes);
            trial.record(turn, &completion, Seen { mcp: Some(mark), ..Seen::default() });
            if completion.outcome != Outcome::Ok {
                ended = Ended { outcome: completion.outcome, status: checked.status };
                if let Some(message) = completion.message.filter(|_| trial.wants_example()) {
                    trial.example(message);
                }
            }
        }
        ended
    }

    /// Sends the requests of a step without a trial, for the preflight. Returns the first request, its completion and its status.
    pub(super) async fn try_step(&mut self, prepared: &Prepared) -> (Request, Completion, u16) {
        let step = Step { requests: 1, batched: false, ..self.agent.step(&prepared.workload) };
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
