//! What one virtual user owns, and what it does each time Goose gives it a turn.

use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use tokio::sync::{Notify, Semaphore, watch};

use super::arm_client::{ArmClient, Fate};
use super::deadline::Deadline;
use super::frames::{ArmAddress, Job, Opened};
use super::judge::Judge;
use super::prepared::Prepared;
use super::template::Fields;
use super::trial::{NextRequest, Trial, Turn};
use crate::facts::Arm;
use crate::outcome::Outcome;
use harness_base::clock::Mono;
use harness_base::timer::Timer;
use harness_base::units::Nanos;

/// Connections that are opened at the same time: enough to be quick, too few to overflow a backlog of 128.
const OPENING: usize = 64;
/// A user that could not connect waits this long in a closed loop, which would otherwise become a flood.
const BREATHER: Duration = Duration::from_millis(1);

/// What all users of a job share.
pub(super) struct Shared {
    pub(super) job: Job,
    /// By arm, then by request.
    pub(super) prepared: Vec<Vec<Prepared>>,
    pub(super) opening: Semaphore,
    /// The longest timeout of the requests.
    pub(super) timeout: Nanos,
    gate: watch::Receiver<Phase>,
    arrived: AtomicU64,
    complete: Notify,
}

/// What users at the gate are to do.
#[derive(Clone)]
pub(super) enum Phase {
    Idle,
    Open(Arc<Opening>),
    Trial(Arc<Trial>),
}

/// All users of an arm connecting.
pub(super) struct Opening {
    arm: usize,
    open: AtomicU64,
    failed: AtomicU64,
    tried: AtomicU64,
    example: Mutex<Option<String>>,
    pub(super) done: Notify,
}

pub(super) struct VirtualUser {
    shared: Arc<Shared>,
    index: u64,
    /// Turns to pass over, so that users do not all begin with the same request.
    pass: u64,
    gate: watch::Receiver<Phase>,
    clients: Vec<ArmClient>,
    timer: Timer,
    deadline: Deadline,
    fields: Fields,
    judge: Judge,
    spare: HeaderMap,
    trial: Option<Arc<Trial>>,
}

impl Shared {
    pub(super) fn new(job: Job, gate: watch::Receiver<Phase>) -> Result<Self, String> {
        let for_arm = |arm: &ArmAddress| job.requests.iter().map(|request| Prepared::new(request, arm)).collect();
        let prepared = job.arms.iter().map(for_arm).collect::<Result<_, String>>()?;
        let timeout = job.requests.iter().map(|request| request.timeout).max().ok_or("a job needs a request")?;
        Ok(Self {
            prepared,
            timeout,
            opening: Semaphore::new(OPENING),
            gate,
            arrived: AtomicU64::new(0),
            complete: Notify::new(),
            job,
        })
    }

    /// Waits until every user has taken its seat.
    pub(super) async fn complete(&self) {
        self.complete.notified().await;
    }

    /// What user `index` fills templates with; number `connections` is the preflight's.
    pub(super) fn fields(&self, index: u64) -> Fields {
        Fields::new(self.job.seed, index, self.job.connections + 1)
    }

    /// Turns after which Goose's order of the requests repeats itself.
    fn period(&self) -> u64 {
        let weights = || self.job.requests.iter().map(|request| request.weight.max(1));
        let divisor = weights().fold(0, gcd);
        weights().sum::<u64>() / divisor.max(1)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Clone for VirtualUser {
    /// An empty seat of the same number. Goose asks that session data can be cloned, and clones no user that runs.
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared), self.index)
    }
}

impl VirtualUser {
    pub(super) fn new(shared: Arc<Shared>, index: u64) -> Self {
        Self {
            index,
            pass: index % shared.period(),
            gate: shared.gate.clone(),
            clients: shared.job.arms.iter().map(|arm| ArmClient::new(arm.address)).collect(),
            timer: Timer::default(),
            deadline: Deadline::new(),
            fields: shared.fields(index),
            judge: Judge::default(),
            spare: HeaderMap::new(),
            trial: None,
            shared,
        }
    }

    /// Tells that it is taken.
    pub(super) fn arrive(&self) {
        if self.shared.arrived.fetch_add(1, Relaxed) + 1 == self.shared.job.connections {
            self.shared.complete.notify_one();
        }
    }

    /// One turn: waits at the gate until a trial runs, claims the next slot, and sends one request of `kind`.
    pub(super) async fn take_turn(&mut self, kind: usize) {
        if self.pass > 0 {
            self.pass -= 1;
            return;
        }
        loop {
            let trial = match self.trial.take() {
                Some(trial) => trial,
                None => Box::pin(self.at_the_gate()).await,
            };
            if self.send_next(&trial, kind).await {
                self.trial = Some(trial);
                return;
            }
            trial.leave();
        }
    }

    /// Waits for a trial in which this user takes part; opens connections meanwhile when asked to.
    async fn at_the_gate(&mut self) -> Arc<Trial> {
        loop {
            if self.gate.changed().await.is_err() {
                // The child is about to end.
                std::future::pending::<()>().await;
            }
            let phase = self.gate.borrow_and_update().clone();
            match phase {
                Phase::Idle => {}
                Phase::Open(opening) => self.open(&opening).await,
                Phase::Trial(trial) if self.index < trial.users => {
                    self.timer.until(trial.joins(self.index)).await;
                    return trial;
                }
                Phase::Trial(_) => {}
            }
        }
    }

    async fn open(&mut self, opening: &Opening) {
        let _permit = self.shared.opening.acquire().await;
        let now = Mono::now();
        self.deadline.set(now, now.after(self.shared.timeout));
        let client = &mut self.clients[opening.arm];
        opening.count(client.ensure(&mut self.deadline).await.err(), self.shared.job.connections);
    }

    /// Sends the next request; false when the trial has none left for this user.
    async fn send_next(&mut self, trial: &Trial, kind: usize) -> bool {
        let claim = trial.claim();
        if matches!(claim, NextRequest::Over) {
            return false;
        }
        // Put together before it is due, so that building it delays nothing.
        let prepared = &self.shared.prepared[trial.arm][kind];
        let body = prepared.body(&mut self.fields);
        let request = prepared.request(body.clone(), std::mem::take(&mut self.spare));
        let Some(turn) = release(trial, &claim, &mut self.timer).await else {
            return false;
        };
        trial.begin(&turn);
        if trial.reconnects(turn.sent) {
            self.clients[trial.arm].close();
        }
        self.deadline.set(turn.sent, turn.sent.after(prepared.timeout).min(trial.drain_until));
        let (client, judge, spare) = (&mut self.clients[trial.arm], &mut self.judge, &mut self.spare);
        let fate = client.exchange(prepared, &body, request, judge, &mut self.deadline, spare).await;
        trial.record(&turn, &fate);
        if fate.outcome != Outcome::Ok {
            self.after_failure(trial, &claim, fate).await;
        }
        true
    }

    async fn after_failure(&self, trial: &Trial, claim: &NextRequest, fate: Fate) {
        let refused = fate.outcome == Outcome::Connect;
        if trial.wants_example() {
            trial.example(fate.message.unwrap_or_else(|| self.judge.example()));
        }
        // A refusal takes no time at all: others must get their turn.
        match claim {
            NextRequest::Now if refused => tokio::time::sleep(BREATHER).await,
            _ => tokio::task::yield_now().await,
        }
    }
}

/// The instant at which the claimed request starts; `None` once a closed loop's window is over.
async fn release(trial: &Trial, claim: &NextRequest, timer: &mut Timer) -> Option<Turn> {
    match *claim {
        NextRequest::Slot { intended, late: false } => {
            let woke = timer.until(intended).await;
            Some(Turn { intended, released: woke, sent: woke, late: false })
        }
        NextRequest::Slot { intended, late: true } => {
            Some(Turn { intended, released: intended, sent: Mono::now(), late: true })
        }
        NextRequest::Now => {
            let now = Mono::now();
            let turn = Turn { intended: now, released: now, sent: now, late: false };
            (now < trial.window_end).then_some(turn)
        }
        NextRequest::Over => None,
    }
}

impl Opening {
    pub(super) fn new(arm: usize) -> Self {
        let count = || AtomicU64::new(0);
        Self { arm, open: count(), failed: count(), tried: count(), example: Mutex::default(), done: Notify::new() }
    }

    pub(super) fn report(&self, arm: Arm) -> Opened {
        Opened {
            arm,
            connections: self.open.load(Relaxed),
            failed: self.failed.load(Relaxed),
            example: self.example.lock().unwrap_or_else(PoisonError::into_inner).take(),
        }
    }

    /// Counts one connection of `all`.
    fn count(&self, failure: Option<(Outcome, String)>, all: u64) {
        match failure {
            None => self.open.fetch_add(1, Relaxed),
            Some((_, message)) => {
                self.example.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
                self.failed.fetch_add(1, Relaxed)
            }
        };
        if self.tried.fetch_add(1, AcqRel) + 1 == all {
            self.done.notify_one();
        }
    }
}
