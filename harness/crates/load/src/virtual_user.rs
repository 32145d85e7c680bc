//! A virtual user: its connections, and what it does each time Goose calls it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};

use super::arm_client::{ArmClient, Completion};
use super::child_error::ChildError;
use super::deadline::Deadline;
use super::echo;
use super::frames::{ArmAddress, Job};
use super::http2::SharedLink;
use super::judge::Judge;
use super::lifetime::Lifetime;
use super::mcp;
use super::opening::Opening;
use super::prepared::{Prepared, Scratch};
use super::release::release;
use super::spec::Request;
use super::template::Fields;
use super::trial::{NextRequest, Seen, Trial};
use super::watcher::Watcher;
use super::wire::Route;
use crate::outcome::Outcome;
use harness_base::clock::Mono;
use harness_base::timer::Timer;
use harness_base::units::Nanos;

/// The number of connections that are opened at the same time, which is too few to overflow a backlog of 128.
const OPENING: usize = 64;
/// The number of requests of a turn, which makes the cost of Goose's turn negligible.
const TURN: usize = 64;
/// The pause of a user in a closed loop after a failed connection, which prevents a flood of attempts.
const CONNECT_PAUSE: Duration = Duration::from_millis(1);

/// The state that all users of a job share.
pub(super) struct Shared {
    pub(super) job: Job,
    /// By arm, then by request; without requests if they are those of agents.
    pub(super) prepared: Vec<Vec<Prepared>>,
    /// By arm; absent if the requests are not those of agents.
    pub(super) mcp: Option<Vec<mcp::Prepared>>,
    /// By arm; absent if the requests are no messages to echo.
    pub(super) echo: Option<Vec<echo::Place>>,
    /// By arm.
    pub(super) routes: Vec<Route>,
    /// By arm, the connections that users share on HTTP/2; the others are not used.
    links: Vec<Vec<Arc<SharedLink>>>,
    /// By arm, the pipes that all users share; absent for an arm that is reached over HTTP.
    pub(super) pipes: Vec<Option<Arc<mcp::stdio::Pipe>>>,
    pub(super) opening: Semaphore,
    /// The longest timeout of the requests.
    pub(super) timeout: Nanos,
    gate: watch::Receiver<Phase>,
    arrived: AtomicU64,
    complete: Notify,
}

/// The task of users that wait at the gate.
#[derive(Clone)]
pub(super) enum Phase {
    Idle,
    Open(Arc<Opening>),
    Trial(Arc<Trial>),
}

pub(super) struct VirtualUser {
    shared: Arc<Shared>,
    /// Its number among the users of this generator.
    index: u64,
    /// Its number among those of all generators, on which its random values depend.
    number: u64,
    /// Turns to skip, so that users do not all begin with the same request.
    skip: u64,
    gate: watch::Receiver<Phase>,
    clients: Vec<ArmClient>,
    /// By arm; empty if the requests are not those of agents.
    agents: Vec<mcp::Client>,
    /// By arm; empty if the requests are no messages to echo.
    echoes: Vec<echo::User>,
    lifetime: Lifetime,
    watcher: Watcher,
    timer: Timer,
    deadline: Deadline,
    fields: Fields,
    judge: Judge,
    scratch: Scratch,
    trial: Option<Arc<Trial>>,
}

impl Shared {
    pub(super) fn new(job: Job, gate: watch::Receiver<Phase>) -> Result<Self, ChildError> {
        let (mcp, echo) = (mcp::Prepared::of(&job)?, echo::Place::of(&job)?);
        let plain = if mcp.is_some() || echo.is_some() { &[][..] } else { &job.requests };
        let for_arm = |arm: &ArmAddress| plain.iter().map(|request| Prepared::new(request, arm)).collect();
        let prepared = job.arms.iter().map(for_arm).collect::<Result<_, ChildError>>()?;
        let timeout = job.requests.iter().map(|request| request.timeout).max().ok_or(ChildError::NoRequests)?;
        let route = |arm: &ArmAddress| Route::new(arm).map_err(|cause| ChildError::Tls { arm: arm.arm.name(), cause });
        Ok(Self {
            prepared,
            mcp,
            echo,
            routes: job.arms.iter().map(route).collect::<Result<_, _>>()?,
            timeout,
            links: job.arms.iter().map(|arm| links(arm, job.users())).collect(),
            pipes: job.arms.iter().map(|arm| pipe(arm, job.seed)).collect(),
            opening: Semaphore::new(OPENING),
            gate,
            arrived: AtomicU64::new(0),
            complete: Notify::new(),
            job,
        })
    }

    /// Waits until every user has been created.
    pub(super) async fn complete(&self) {
        self.complete.notified().await;
    }

    /// Returns the client of user `index` for the arm at `position`.
    fn client(&self, position: usize, index: u64) -> ArmClient {
        let route = self.routes[position].clone();
        let streams = route.http2.map_or(1, |http2| http2.streams.max(1));
        let place = usize::try_from(index / streams).unwrap_or(usize::MAX);
        let link = self.links[position].get(place).or(self.links[position].first());
        ArmClient::new(route, link.cloned().unwrap_or_default())
    }

    /// Returns the number of user `index` among the users of all generators.
    fn number(&self, index: u64) -> u64 {
        self.job.share().global(index)
    }

    /// Returns the agents of user `index`, by arm.
    fn agents(&self, index: u64) -> Vec<mcp::Client> {
        let agent = |arm: usize| {
            if let Some(pipe) = &self.pipes[arm] {
                return mcp::Client::Stdio(mcp::stdio::User::new(Arc::clone(pipe)));
            }
            let lanes = self.job.requests.first().map_or(1, Request::lanes);
            let clients = (0..lanes).map(|_| self.client(arm, index));
            let user = mcp::User::new(self.job.seed, self.number(index), self.routes[arm].clone(), clients);
            mcp::Client::Http(Box::new(user))
        };
        self.mcp.iter().flat_map(|prepared| 0..prepared.len()).map(agent).collect()
    }

    /// Returns the template fields of a user by its number among those of all generators. Those after the last user belong to the preflights,
    /// of which each generator has one.
    pub(super) fn fields(&self, number: u64) -> Fields {
        Fields::new(self.job.seed, number, self.job.connections.saturating_add(self.job.share().of))
    }

    /// Returns the number of turns after which Goose's order of the requests repeats.
    fn period(&self) -> u64 {
        let weights = || self.job.requests.iter().map(|request| request.weight.max(1));
        let divisor = weights().fold(0, gcd);
        weights().sum::<u64>() / divisor.max(1)
    }
}

/// Returns the connections that the users of an arm share; on HTTP/1.1 one that is not used, so that it takes no memory per user.
fn links(arm: &ArmAddress, users: u64) -> Vec<Arc<SharedLink>> {
    let number = arm.http2.map_or(1, |http2| users.div_ceil(http2.streams.max(1)));
    (0..number).map(|_| Arc::default()).collect()
}

/// Returns the pipes that all users of an arm share; `None` over HTTP.
fn pipe(arm: &ArmAddress, seed: u64) -> Option<Arc<mcp::stdio::Pipe>> {
    let door = arm.address.path().filter(|_| arm.stdio)?;
    Some(Arc::new(mcp::stdio::Pipe::new(door.to_owned(), seed)))
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Clone for VirtualUser {
    /// Creates a new user with the same number. Goose requires session data to be `Clone`, but does not clone running users.
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared), self.index)
    }
}

impl VirtualUser {
    pub(super) fn new(shared: Arc<Shared>, index: u64) -> Self {
        let number = shared.number(index);
        Self {
            index,
            number,
            skip: number % shared.period(),
            gate: shared.gate.clone(),
            clients: (0..shared.routes.len()).map(|arm| shared.client(arm, index)).collect(),
            agents: shared.agents(index),
            echoes: shared.echo.iter().flatten().map(|_| echo::User::new(number)).collect(),
            lifetime: Lifetime::default(),
            watcher: Watcher::default(),
            timer: Timer::default(),
            deadline: Deadline::new(),
            fields: shared.fields(number),
            judge: Judge::default(),
            scratch: Scratch::default(),
            trial: None,
            shared,
        }
    }

    /// Counts the user as created.
    pub(super) fn arrive(&self) {
        if self.shared.arrived.fetch_add(1, Relaxed) + 1 == self.shared.job.users() {
            self.shared.complete.notify_one();
        }
    }

    /// Takes one turn: sends a request of `kind`. If there is no other kind, Goose has nothing to choose, and a turn has [`TURN`] requests.
    pub(super) async fn take_turn(&mut self, kind: usize) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        let requests = if self.shared.job.requests.len() == 1 { TURN } else { 1 };
        for _ in 0..requests {
            self.send(kind).await;
        }
    }

    /// Waits until a trial runs, claims the next slot, and sends one request of `kind`.
    async fn send(&mut self, kind: usize) {
        loop {
            let trial = match self.trial.take() {
                Some(trial) => trial,
                None => {
                    self.watcher = Watcher::default();
                    Box::pin(self.wait_for_trial()).await
                }
            };
            if self.takes_part(&trial, kind).await {
                self.trial = Some(trial);
                return;
            }
            self.retire(&trial);
            if let Some(agent) = self.agents.get_mut(trial.arm) {
                agent.leave(&trial);
            }
            trial.leave();
        }
    }

    /// Sends the next request, or takes all steps of the agent. Returns false when the trial has none left for this user.
    async fn takes_part(&mut self, trial: &Trial, kind: usize) -> bool {
        if let (Some(user), Some(places)) = (self.echoes.get_mut(trial.arm), &self.shared.echo) {
            return Box::pin(user.take_step(&places[trial.arm], trial, &mut self.timer)).await;
        }
        match (self.agents.get_mut(trial.arm), &self.shared.mcp) {
            // Boxed, so that it does not enlarge the future of every other request; once for all steps, because an agent has nothing to
            // choose from.
            (Some(agent), Some(prepared)) => {
                Box::pin(agent.take_part(&prepared[trial.arm], trial, &mut self.timer)).await;
                false
            }
            _ => self.send_next(trial, kind).await,
        }
    }

    /// Closes the connection before and after a trial that counts the requests of each connection.
    fn retire(&mut self, trial: &Trial) {
        if trial.requests_per_connection.is_some() {
            self.clients[trial.arm].reset();
        }
    }

    /// Waits for a trial in which this user takes part. Meanwhile, opens connections on command.
    async fn wait_for_trial(&mut self) -> Arc<Trial> {
        loop {
            if self.gate.changed().await.is_err() {
                // The child is exiting.
                std::future::pending::<()>().await;
            }
            let phase = self.gate.borrow_and_update().clone();
            match phase {
                Phase::Idle => {}
                Phase::Open(opening) => self.open(&opening).await,
                Phase::Trial(trial) if self.index < trial.users => {
                    self.retire(&trial);
                    self.timer.until(trial.joins(self.number)).await;
                    return trial;
                }
                Phase::Trial(_) => {}
            }
        }
    }

    async fn open(&mut self, opening: &Opening) {
        let _permit = self.shared.opening.acquire().await;
        let (timeout, users) = (self.shared.timeout, self.shared.job.users());
        if let (Some(agent), Some(prepared)) = (self.agents.get_mut(opening.arm), &self.shared.mcp) {
            opening.count(Box::pin(agent.open(&prepared[opening.arm])).await.err(), users);
            return;
        }
        if let (Some(user), Some(places)) = (self.echoes.get_mut(opening.arm), &self.shared.echo) {
            opening.count(Box::pin(user.open(&places[opening.arm])).await.err(), users);
            return;
        }
        let now = Mono::now();
        self.deadline.set(now, now.after(timeout));
        let client = &mut self.clients[opening.arm];
        opening.count(client.ensure(&mut self.deadline).await.err(), users);
    }

    /// Sends the next request. Returns false when the trial has none left for this user.
    async fn send_next(&mut self, trial: &Trial, kind: usize) -> bool {
        let claim = trial.claim();
        if matches!(claim, NextRequest::Over) {
            return false;
        }
        // Built before it is due, so that building does not delay it.
        let prepared = &self.shared.prepared[trial.arm][kind];
        let message = prepared.message(&mut self.fields, &mut self.scratch);
        let Some(turn) = release(trial, &claim, &mut self.timer).await else {
            return false;
        };
        trial.begin(&turn);
        if trial.reconnects(turn.sent) {
            self.clients[trial.arm].close();
        }
        self.deadline.set(turn.sent, turn.sent.after(prepared.timeout).min(trial.drain_until));
        let client = &mut self.clients[trial.arm];
        if message.expected().stamped().is_some() {
            // A stream without an answer has none of the events of the one before.
            self.judge.forget_events();
        }
        // In a closed loop, there is no other time to which the wait for a stream could belong.
        let sent = trial.is_closed().then_some(turn.sent);
        let completion = client.exchange(message, &mut self.judge, &mut self.deadline, sent).await;
        let left = self.judge.leaves(message.expected()).then(|| {
            let at = Mono::now();
            client.leave();
            at
        });
        let seen = Seen { events: self.judge.events(), left, stamped: message.expected().stamped(), mcp: None };
        trial.record(&turn, &completion, seen);
        if message.expected().watches() && completion.outcome == Outcome::Ok {
            self.watcher.see(trial, self.number, self.judge.watched(message.expected()), (turn.sent, completion.ended));
        }
        if let Some(requests) = trial.requests_per_connection {
            self.lifetime.after_request(trial, requests, client, &completion);
        }
        if completion.outcome != Outcome::Ok {
            self.after_failure(trial, &claim, completion).await;
        }
        true
    }

    async fn after_failure(&self, trial: &Trial, claim: &NextRequest, completion: Completion) {
        let refused = completion.outcome == Outcome::Connect;
        if trial.wants_example() {
            trial.example(completion.message.unwrap_or_else(|| self.judge.example()));
        }
        // A refused connection takes almost no time, so other users must get their turn.
        match claim {
            NextRequest::Now if refused => tokio::time::sleep(CONNECT_PAUSE).await,
            _ => tokio::task::yield_now().await,
        }
    }
}
