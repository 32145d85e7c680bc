//! The protocol between control and the load child: one JSON object per line, in both directions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::echo::facts::Handshakes;
use super::lost::LostNode;
use super::pace::Pace;
use super::spec::{Http2, Request, Tls};
use super::stripe::Stripe;
use crate::facts::Slice;
use crate::facts::{Arm, LoadFacts, Second};
use crate::latency::LatencyHistogram;
use crate::outcome::Outcome;
use harness_base::address::Address;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The job of a load child. It is the first command and never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub arms: Vec<ArmAddress>,
    /// The kinds of requests; at least one.
    pub requests: Vec<Request>,
    /// The number of virtual users of all generators, each with one connection per arm: for one generator from 1 to about 20,000, which
    /// the descriptor limit allows.
    pub connections: u64,
    /// The number of worker threads; 0 for the default.
    pub workers: usize,
    /// The seed of all random values.
    pub seed: u64,
    /// The share of the users that this generator has; absent for a generator alone. One of several sends its seconds and slices with
    /// their histograms, so that they can be merged.
    #[serde(default)]
    pub stripe: Option<Stripe>,
    /// Whether each packet of UDP is handed to the kernel alone. Several at once would be lost together on a path that netem makes.
    #[serde(default)]
    pub packets_alone: bool,
}

impl Job {
    /// Returns the share of this generator; all for one that is alone.
    pub(crate) fn share(&self) -> Stripe {
        self.stripe.unwrap_or_default()
    }

    /// Returns the number of virtual users of this generator.
    pub fn users(&self) -> u64 {
        self.share().share(self.connections)
    }

    /// Returns the number of this generator's preflight, which is that of no user of any generator.
    pub(crate) fn preflight_number(&self) -> u64 {
        self.connections.saturating_add(self.share().index)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmAddress {
    pub arm: Arm,
    pub address: Address,
    /// The value of the `host` header, unless a request has its own.
    pub host: String,
    /// The prefix of each request's path: empty, or beginning with `/`.
    pub base_path: String,
    /// How TLS is spoken; absent for plain HTTP.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// How HTTP/2 is spoken; absent for HTTP/1.1.
    #[serde(default)]
    pub http2: Option<Http2>,
    /// Whether messages are lines of pipes, whose other ends are sent to `address`.
    #[serde(default)]
    pub stdio: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialOrder {
    pub arm: Arm,
    pub pace: Pace,
    /// Selects the random arrivals, together with the seed of the job: trials with the same sequence have the same.
    #[serde(default)]
    pub sequence: u64,
    /// How many of the job's users take part, at most all of them; those of all generators together.
    pub connections: u64,
    /// Open loop: the rate rises from 0 over this span; closed loop: the users join over it.
    pub ramp: Nanos,
    /// The span after the ramp that is discarded.
    pub warmup: Nanos,
    /// The span that is measured.
    pub window: Nanos,
    /// The start of the ramp. If it has passed, the trial begins at once.
    pub start_at: Mono,
    /// The length of the slices that are reported as they pass, in whole seconds, instead of all seconds at the end; absent for a
    /// window without slices.
    #[serde(default)]
    pub slice: Option<Nanos>,
    /// The length of the ticks in which outcomes are counted by the intended start; absent without ticks.
    #[serde(default)]
    pub tick: Option<Nanos>,
    /// The length of the blocks whose response times are recorded separately, in an open loop; absent without blocks.
    #[serde(default)]
    pub block: Option<Nanos>,
    /// The span in which a new connection is opened for every request; absent when connections stay open.
    #[serde(default)]
    pub reconnect: Option<(Mono, Mono)>,
    /// How many requests each connection carries before it is closed; absent when connections stay open.
    #[serde(default)]
    pub requests_per_connection: Option<u64>,
    /// Whether it is listed when each stream began and how it ended, also of those that broke off.
    #[serde(default)]
    pub lists_streams: bool,
    /// The share of the slots and users that this generator takes; absent for a generator alone.
    #[serde(default)]
    pub stripe: Option<Stripe>,
}

/// From control to the child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToChild {
    Job(Job),
    /// Opens this arm's connections.
    Open(Arm),
    /// Sends one request of each kind.
    Preflight(Arm),
    /// Opens so many connections of an arm one after the other, whose messages are echoed.
    Handshakes {
        arm: Arm,
        count: u64,
    },
    Trial(TrialOrder),
    Stop,
}

/// From the child to control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromChild {
    /// All users are ready.
    Ready,
    /// The answer to [`ToChild::Open`].
    Opened(Opened),
    /// The answer to [`ToChild::Preflight`].
    Preflighted(Preflight),
    /// The answer to [`ToChild::Handshakes`].
    Handshaken(Box<Handshakes>),
    /// A second of the running trial has passed.
    Second(Second),
    /// A slice of the running trial has passed.
    Slice(Box<Slice>),
    /// A second has passed on one generator of several.
    DetailedSecond(Box<SecondDetail>),
    /// A slice has passed on one generator of several.
    DetailedSlice(Box<SliceDetail>),
    /// The answer to [`ToChild::Trial`].
    Done(Box<LoadFacts>),
    /// The command failed. The message is for people.
    Failed { message: String },
    /// A generator of several was lost, and with it the job.
    Lost(LostNode),
    /// What somebody beside the generators reported, which the generators do not look at.
    Beside(Value),
}

/// A second of one generator of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecondDetail {
    /// Without quantiles, which are those of `response`.
    pub second: Second,
    /// The response times of valid completions, to two digits.
    pub response: LatencyHistogram,
}

/// A slice of one generator of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SliceDetail {
    /// Without quantiles, which are those of `response`.
    pub slice: Slice,
    /// The response times of valid completions, to two digits.
    pub response: LatencyHistogram,
}

impl SecondDetail {
    /// Returns the second as a generator alone reports it.
    pub fn second(&self) -> Second {
        Second { response: self.response.quantiles(), ..self.second }
    }
}

impl SliceDetail {
    /// Returns the slice as a generator alone reports it.
    pub fn slice(&self) -> Slice {
        Slice { response: self.response.quantiles(), ..self.slice }
    }
}

/// The result of opening an arm's connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub arm: Arm,
    /// The number of open connections.
    pub connections: u64,
    /// The number of connections that could not be opened.
    pub failed: u64,
    /// The error of one of them.
    pub example: Option<String>,
}

/// The results of one request of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    pub arm: Arm,
    /// One per request, in the job's order; for agents, one per request of a session.
    pub answers: Vec<PreflightAnswer>,
    /// What was negotiated, for example `HTTP/2 over TLS 1.3, AES_256_GCM_SHA384`; absent for HTTP/1.1 without TLS.
    #[serde(default)]
    pub tls: Option<String>,
}

/// The result of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreflightAnswer {
    pub request: String,
    pub outcome: Outcome,
    /// The status, if it was answered.
    pub status: Option<u16>,
    /// Last byte − sent, if it was answered; includes opening the connection.
    pub latency: Option<Nanos>,
    /// Whether it was written to the socket.
    pub sent: bool,
    /// What was wrong: the status and the beginning of the body, or the error.
    pub example: Option<String>,
}

impl Preflight {
    /// Returns whether every request was answered as expected.
    pub fn is_ok(&self) -> bool {
        self.answers.iter().all(|answer| answer.outcome == Outcome::Ok)
    }
}
