//! What the load generator reports of one trial: plain data that the record keeps.

use serde::{Deserialize, Serialize};

use crate::latency::{LatencyHistogram, Quantiles};
use crate::outcome::Outcomes;
use harness_base::clock::Mono;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    Direct,
    Proxied,
}

/// The load a trial offered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offered {
    /// Open loop: requests start at a fixed rate, whether earlier ones were answered or not.
    Open {
        /// Arrival rate in requests per second.
        rate_per_second: f64,
    },
    /// Closed loop: every virtual user sends its next request when the last one was answered.
    Closed { vus: u64 },
}

/// How many requests of a trial must reach the upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerRule {
    #[default]
    Exact,
    /// Each one at least once (a target that retries or mirrors).
    AtLeast,
    /// None (a target that answers by itself).
    None,
    /// Not known: the upstream is not ours.
    Unknown,
}

/// The latency histograms of one trial's window. Only requests with outcome *ok* are in the first five; the pacer lag is
/// that of every request released.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// Last byte − intended.
    pub response: LatencyHistogram,
    /// Last byte − sent.
    pub service: LatencyHistogram,
    pub ttfb: LatencyHistogram,
    /// First body byte − sent; of responses that have a body.
    pub first_body: LatencyHistogram,
    /// Sent − released: no connection was free. The target's doing.
    pub connection_wait: LatencyHistogram,
    /// Released − intended: the generator's fault.
    pub pacer_lag: LatencyHistogram,
}

/// What happened within one second of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Second {
    /// Start, in seconds from the window's start.
    pub from_s: f64,
    /// Length in seconds; the last one of a window may be shorter.
    pub length_s: f64,
    pub ok: u64,
    pub errors: u64,
    /// Quantiles of the response times of the valid completions, to two digits; absent where there were none.
    pub response: Option<Quantiles>,
}

/// What became of the requests of a window, by the tick in which each was to start. The sum is that of the outcomes of the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticks {
    /// Length of a tick in nanoseconds; the last one of a window may be shorter.
    pub length_ns: u64,
    pub outcomes: Vec<Outcomes>,
}

/// What the load generator says of one trial.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadFacts {
    pub window_start: Mono,
    /// Measured length of the window in nanoseconds.
    pub window_ns: u64,
    /// Requests scheduled into the window: open loop by their intended start, closed loop as sent.
    pub scheduled: u64,
    /// What became of them; the sum equals `scheduled`.
    pub outcomes: Outcomes,
    /// Valid completions inside the window, whenever they were intended.
    pub completed_in_window: u64,
    /// Requests that found no free connection at their intended start.
    pub late: u64,
    /// Every request put on the wire in warm-up, window and drain, answered or not.
    pub sent_total: u64,
    /// Connections opened again because the peer had closed them.
    pub reconnects: u64,
    /// Mean number of requests in flight over the window, from counting them.
    pub mean_in_flight: f64,
    /// Latency histograms of the window.
    pub latencies: Latencies,
    /// The window, second by second.
    pub seconds: Vec<Second>,
    /// The window, tick by tick; absent where nobody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticks: Option<Ticks>,
    /// Up to five examples of what was wrong, for people.
    pub examples: Vec<String>,
}

/// What the load generator counted within one window of a soak, of requests that ended in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// From 0.
    pub index: u64,
    pub outcomes: Outcomes,
    /// Response times of those that were answered as expected, to two digits; absent where none was.
    pub response: Option<Quantiles>,
}

impl Arm {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Proxied => "proxied",
        }
    }
}
