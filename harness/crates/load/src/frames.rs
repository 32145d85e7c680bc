//! What control and the load child say to each other: one JSON object per line, both ways.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::spec::{Pace, Request};
use crate::facts::Slice;
use crate::facts::{Arm, LoadFacts, Second};
use crate::outcome::Outcome;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// What a load child is for; the first thing it is told, and fixed for its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub arms: Vec<ArmAddress>,
    /// What is sent; at least one.
    pub requests: Vec<Request>,
    /// Virtual users, each with one connection per arm; 1 to about 20,000 by the descriptor limit.
    pub connections: u64,
    /// Worker threads; 0 for the default, see [`super::child`].
    pub workers: usize,
    /// Seed of everything drawn at random.
    pub seed: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmAddress {
    pub arm: Arm,
    pub address: SocketAddr,
    /// Value of the `host` header, unless a request brings its own.
    pub host: String,
    /// Put before each request's path; empty or beginning with `/`.
    pub base_path: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialOrder {
    pub arm: Arm,
    pub pace: Pace,
    /// How many of the job's users take part; all where it is larger than that.
    pub connections: u64,
    /// Open loop: the rate rises from 0 over this span; closed loop: the users join over it.
    pub ramp: Nanos,
    /// Discarded span after the ramp.
    pub warmup: Nanos,
    /// The span that is measured.
    pub window: Nanos,
    /// The ramp's begin; a trial whose begin has passed begins at once.
    pub start_at: Mono,
    /// Length of the slices of the window that are told as they pass, in whole seconds, instead of all its seconds at the end;
    /// absent for a window that is not sliced.
    #[serde(default)]
    pub slice: Option<Nanos>,
    /// Length of the ticks in which outcomes are counted by the intended start; absent where they are not.
    #[serde(default)]
    pub tick: Option<Nanos>,
    /// From when to when every request has a connection of its own, which is opened for it; absent where connections stay open.
    #[serde(default)]
    pub reconnect: Option<(Mono, Mono)>,
}

/// From control to the child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToChild {
    Job(Job),
    /// Open this arm's connections now.
    Open(Arm),
    /// Send one request of every kind.
    Preflight(Arm),
    Trial(TrialOrder),
    Stop,
}

/// From the child to control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromChild {
    /// All users stand at the gate.
    Ready,
    /// Answer to [`ToChild::Open`].
    Opened(Opened),
    /// Answer to [`ToChild::Preflight`].
    Preflighted(Preflight),
    /// A second of the running trial has passed.
    Second(Second),
    /// A slice of the running trial has passed.
    Slice(Box<Slice>),
    /// Answer to [`ToChild::Trial`].
    Done(Box<LoadFacts>),
    /// What was asked cannot be done.
    Failed { message: String },
}

/// How opening an arm's connections went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub arm: Arm,
    /// Connections that are open now.
    pub connections: u64,
    /// Connections that could not be opened.
    pub failed: u64,
    /// Why one of them could not.
    pub example: Option<String>,
}

/// What came of one request of every kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    pub arm: Arm,
    /// One per request, in the job's order.
    pub answers: Vec<PreflightAnswer>,
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreflightAnswer {
    pub request: String,
    pub outcome: Outcome,
    /// The status, where it was answered.
    pub status: Option<u16>,
    /// Last byte − sent, where it was answered; the connection's opening included.
    pub latency: Option<Nanos>,
    /// Whether it was put on the wire.
    pub sent: bool,
    /// What was wrong: the status and the beginning of the body, or the error.
    pub example: Option<String>,
}

impl Preflight {
    /// Whether every request was answered as expected.
    pub fn is_ok(&self) -> bool {
        self.answers.iter().all(|answer| answer.outcome == Outcome::Ok)
    }
}
