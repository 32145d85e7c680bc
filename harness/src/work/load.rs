//! Plans load in rounds of trials.

use std::ops::RangeInclusive;

use harness_base::units::Nanos;
use harness_load::pace::Pace;

/// Smallest number of rounds with a 95 % interval of the median: the whole range of five covers only 1 − 2 · 0.5⁵ =
/// 93.75 %.
pub const FEWEST_ROUNDS: u64 = 6;

/// The fewest rounds that several instances share, so that each has at least five.
pub(crate) const MANY_ROUNDS: u64 = 50;

/// Number of instances that share many rounds.
const INSTANCES: RangeInclusive<u64> = 5..=10;

/// Duration of starting and stopping the target, the upstream and the load child once.
pub(crate) const LAUNCH: Nanos = Nanos::from_millis(300);

/// Time around each trial: drain, ledger, transfer of the histograms.
pub(crate) const GAP: Nanos = Nanos::from_millis(50);

/// Warm-up and window of `--quick`.
const QUICK_WARMUP: Nanos = Nanos::from_millis(100);
const QUICK_WINDOW: Nanos = Nanos::from_millis(350);

/// Number of requests that a window of `--quick` still contains at low rates, so that a median is meaningful.
const QUICK_REQUESTS: f64 = 50.0;

#[derive(Debug, Clone, PartialEq)]
pub struct LoadWork {
    /// Fresh starts of the target, which share the rounds.
    pub instances: u64,
    /// Rounds that must be valid.
    pub rounds: u64,
    pub pace: Pace,
    /// Connections of each arm; in a closed loop, one per virtual user.
    pub connections: u64,
    /// Time over which the load increases, at the start of the warm-up.
    pub ramp: Nanos,
    /// Discarded part of a trial.
    pub warmup: Nanos,
    /// Measured part of a trial.
    pub window: Nanos,
    /// Whether rounds have a direct arm in addition to the proxied one.
    pub paired: bool,
    /// Length of a window on the last instance of each build, for the far quantiles; 0 for none. Short instances do not see what happens
    /// late.
    pub tail: Nanos,
    /// Absent when connections stay open.
    pub per_connection: Option<PerConnection>,
}

/// How connections are used that are closed after a number of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerConnection {
    /// Requests of each connection.
    pub requests: u64,
    /// Whether TLS resumes earlier sessions; absent without TLS.
    pub resumption: Option<bool>,
}

impl PerConnection {
    /// Describes it: `1 request per connection, full TLS handshakes`.
    fn describe(self) -> String {
        let many = if self.requests == 1 { "" } else { "s" };
        let handshakes = match self.resumption {
            None => "",
            Some(true) => ", TLS sessions resumed",
            Some(false) => ", full TLS handshakes",
        };
        format!("{} request{many} per connection{handshakes}", self.requests)
    }
}

impl LoadWork {
    /// Plans one round of the proxied arm on one instance, without a ramp, whose connections stay open.
    pub const fn one_round(pace: Pace, connections: u64, warmup: Nanos, window: Nanos) -> Self {
        Self {
            instances: 1,
            rounds: 1,
            pace,
            connections,
            ramp: Nanos::ZERO,
            warmup,
            window,
            paired: false,
            tail: Nanos::ZERO,
            per_connection: None,
        }
    }

    pub const fn arms(&self) -> u64 {
        if self.paired { 2 } else { 1 }
    }

    /// Returns how many instances share the rounds if the scenario does not say so: as many as keep the launches and their warm-up rounds
    /// below a quarter of the time, from five, the fewest with an interval, to ten. Few rounds stay with one instance.
    pub fn best_instances(&self) -> u64 {
        if self.rounds < MANY_ROUNDS {
            return 1;
        }
        let round = self.warmup.plus(self.window).plus(GAP).times(2);
        let rounds = round.times(self.rounds);
        let fits = |instances: &u64| LAUNCH.plus(round).times(*instances).times(3) <= rounds;
        INSTANCES.rev().find(fits).unwrap_or(*INSTANCES.start())
    }

    /// Returns how long one round takes.
    pub fn round(&self) -> Nanos {
        self.warmup.plus(self.window).plus(GAP).times(self.arms())
    }

    /// Returns how long its rounds take, with one warm-up round per instance.
    pub fn duration(&self) -> Nanos {
        let rounds = self.round().times(self.rounds.saturating_add(self.instances));
        rounds.plus(LAUNCH.times(self.instances)).plus(self.tail)
    }

    /// Shortens it for `--quick`. The rounds keep their 95 % interval.
    pub fn shorten(&mut self) {
        let enough = match self.pace {
            Pace::Open { rate, .. } => Nanos((QUICK_REQUESTS / rate.0 * 1e9) as u64),
            Pace::Closed { .. } => Nanos::ZERO,
        };
        self.instances = 1;
        self.rounds = self.rounds.min(FEWEST_ROUNDS);
        self.warmup = self.warmup.min(QUICK_WARMUP);
        self.ramp = self.ramp.min(self.warmup);
        self.window = self.window.min(QUICK_WINDOW.max(enough));
        self.tail = Nanos::ZERO;
    }

    /// Describes its rounds for `harness check`.
    pub fn describe(&self) -> String {
        let pace = self.describe_pace();
        let arms = if self.paired { "direct and proxied" } else { "proxied" };
        let instances = if self.instances == 1 { String::new() } else { format!(" over {} instances", self.instances) };
        let ramp = if self.ramp == Nanos::ZERO { String::new() } else { format!(", ramp {}", self.ramp.notation()) };
        let tail =
            if self.tail == Nanos::ZERO { String::new() } else { format!(", tail window {}", self.tail.notation()) };
        format!(
            "{} rounds{instances} of {arms}, {pace}, warm-up {}{ramp}, window {}{tail}",
            self.rounds,
            self.warmup.notation(),
            self.window.notation()
        )
    }

    /// Describes the load.
    pub fn describe_pace(&self) -> String {
        let pace = match self.pace {
            Pace::Open { rate, .. } => format!("{rate} on {} connections", self.connections),
            Pace::Closed { vus } => format!("{vus} users"),
        };
        match self.per_connection {
            None => pace,
            Some(per_connection) => format!("{pace}, {}", per_connection.describe()),
        }
    }
}
