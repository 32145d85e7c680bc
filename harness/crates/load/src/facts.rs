//! The report of one trial by the load generator: plain data for the record.

pub(crate) mod stall_total;

use serde::{Deserialize, Serialize};

pub use self::stall_total::StallTotal;
use crate::latency::{LatencyHistogram, Quantiles};
use crate::mcp::facts::Mcp;
use crate::mcp::stdio::facts::Stdio;
use crate::nodes::{FirstRelease, NodeTrial};
use crate::outcome::Outcomes;
use crate::streams::Streams;
use crate::watched::Watched;
use harness_base::clock::Mono;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    Direct,
    Proxied,
}

/// How many requests of a trial must reach the upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// The latency histograms of one trial's window. The first five contain only requests with outcome *ok*, the pacer lag every released
/// request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "Written"))]
#[serde(from = "Written", into = "Written")]
pub struct Latencies {
    /// Last byte − intended.
    pub response: LatencyHistogram,
    /// Last byte − sent.
    pub service: LatencyHistogram,
    pub ttfb: LatencyHistogram,
    /// First body byte − sent, for responses with a body.
    pub first_body: LatencyHistogram,
    /// Sent − released: the wait for a free connection, caused by the target.
    pub connection_wait: LatencyHistogram,
    /// Released − intended: the delay by the generator.
    pub pacer_lag: LatencyHistogram,
}

/// [`Latencies`] as they are written: a histogram that equals the service times is absent, which is so for most short answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Written {
    /// Last byte − intended; absent if it equals the service times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<LatencyHistogram>,
    /// Last byte − sent.
    service: LatencyHistogram,
    /// Response head − sent; absent if it equals the service times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttfb: Option<LatencyHistogram>,
    /// First body byte − sent, for responses with a body; absent if it equals the service times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_body: Option<LatencyHistogram>,
    /// Sent − released: the wait for a free connection, caused by the target.
    connection_wait: LatencyHistogram,
    /// Released − intended: the delay by the generator.
    pacer_lag: LatencyHistogram,
}

impl From<Latencies> for Written {
    fn from(latencies: Latencies) -> Self {
        let Latencies { response, service, ttfb, first_body, connection_wait, pacer_lag } = latencies;
        let other = |histogram: LatencyHistogram| (histogram != service).then_some(histogram);
        let [response, ttfb, first_body] = [response, ttfb, first_body].map(other);
        Self { response, service, ttfb, first_body, connection_wait, pacer_lag }
    }
}

impl From<Written> for Latencies {
    fn from(written: Written) -> Self {
        let Written { response, service, ttfb, first_body, connection_wait, pacer_lag } = written;
        let [response, ttfb, first_body] =
            [response, ttfb, first_body].map(|histogram| histogram.unwrap_or_else(|| service.clone()));
        Self { response, service, ttfb, first_body, connection_wait, pacer_lag }
    }
}

/// The server-sent events of the valid answers to requests of the window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Events {
    pub count: u64,
    /// End of an answer's first event − sent.
    pub first: LatencyHistogram,
    /// End of an event − end of the event before it in the same answer. Events that were read at once have no time between them.
    pub gap: LatencyHistogram,
}

impl Events {
    /// Adds the events of an answer to a request sent at `sent`.
    pub(crate) fn add(&mut self, sent: Mono, ends: &[Mono]) {
        self.count += ends.len() as u64;
        if let Some(first) = ends.first() {
            self.first.record(first.since(sent));
        }
        for pair in ends.windows(2) {
            self.gap.record(pair[1].since(pair[0]));
        }
    }

    /// Adds the events of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.first.merge(&other.first);
        self.gap.merge(&other.gap);
    }
}

/// The connections that a trial opened, if each of them is closed after a number of requests. The window has those whose opening began
/// in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Connections {
    /// TCP connections that were established in warm-up, window and drain.
    pub established_total: u64,
    /// Connections of the window that became ready for a request.
    pub opened: u64,
    /// Connections of the window that did not: they were refused, failed the TLS handshake, or took too long.
    pub failed: u64,
    /// Those of `opened` whose TLS handshake resumed an earlier session.
    pub resumed: u64,
    /// Connections whose requests were all answered validly, and whose last answer ended in the window.
    pub completed_in_window: u64,
    /// From the start to the established TCP connection, for those of `opened` that no stall of the generator overlaps.
    pub connect: LatencyHistogram,
    /// From there to the end of the TLS handshake, for full handshakes; absent if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_handshake: Option<LatencyHistogram>,
    /// The same for handshakes that resumed an earlier session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_handshake: Option<LatencyHistogram>,
}

impl Connections {
    /// Adds the counts of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.established_total += other.established_total;
        self.opened += other.opened;
        self.failed += other.failed;
        self.resumed += other.resumed;
        self.completed_in_window += other.completed_in_window;
        self.connect.merge(&other.connect);
        let handshakes = [
            (&mut self.full_handshake, &other.full_handshake),
            (&mut self.resumed_handshake, &other.resumed_handshake),
        ];
        for (mine, theirs) in handshakes {
            if let Some(theirs) = theirs {
                mine.get_or_insert_default().merge(theirs);
            }
        }
    }
}

/// The times from the arrival of the last byte of an answer, as stamped by the kernel, to the end of the read that returned it, which
/// includes its decryption. They are the generator's, and part of every response time. Only a sample of the answers has one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReadLag {
    pub lags: LatencyHistogram,
    /// Values that were dropped because the clock of the host was set meanwhile.
    pub dropped: u64,
    /// How far each value can be off, in nanoseconds: the stamps are of another clock than the reads.
    pub error_ns: u64,
}

/// The mean response times of the valid requests that were due in each half of a window. In an open loop they are equal, unless a queue
/// grows or shrinks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Halves {
    /// In nanoseconds.
    pub first_ns: u64,
    /// In nanoseconds.
    pub second_ns: u64,
}

/// The counts of one second of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Second {
    /// The start, in seconds from the start of the window.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub from_s: f64,
    /// The length in seconds; the last second of a window may be shorter.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub length_s: f64,
    pub ok: u64,
    pub errors: u64,
    /// The quantiles of the response times of valid completions, to two digits; absent if there were none.
    pub response: Option<Quantiles>,
}

/// The outcomes of a window by the tick in which each request was due. Their sum equals the outcomes of the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ticks {
    /// The length of a tick in nanoseconds; the last tick of a window may be shorter.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub length_ns: u64,
    pub outcomes: Vec<Outcomes>,
}

/// The samples of the requests in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InFlightSamples {
    pub number: u64,
    /// The variance of the samples, in squared requests.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub variance: f64,
}

/// The report of one trial.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadFacts {
    pub window_start: Mono,
    /// The measured length of the window in nanoseconds; in a closed loop, without the stalls of the generator.
    pub window_ns: u64,
    /// Requests scheduled into the window: open loop by their intended start, closed loop as sent.
    pub scheduled: u64,
    /// Their outcomes; the sum equals `scheduled`.
    pub outcomes: Outcomes,
    /// The outcomes of requests that were due outside the window; absent if all of them are *ok*.
    #[serde(default, skip_serializing_if = "Outcomes::are_ok")]
    pub outside: Outcomes,
    /// When the first error of the window ended, in nanoseconds since the start of the window; absent without errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_error_ns: Option<u64>,
    /// Valid completions inside the window, regardless of when they were due.
    pub completed_in_window: u64,
    /// Requests that found no free connection at their intended start.
    pub late: u64,
    /// All requests sent in warm-up, window and drain, answered or not.
    pub sent_total: u64,
    /// Absent in a closed loop, and if a half has no valid request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halves: Option<Halves>,
    /// Connections that were reopened because the peer had closed them.
    pub reconnects: u64,
    /// Absent when connections stay open, and if none was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Box<Connections>>,
    /// The stalls of the generator; absent if they cannot be distinguished from waiting for a CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalls: Option<StallTotal>,
    /// The mean number of requests in flight over the window, from samples.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub mean_in_flight: f64,
    /// Absent in records of a harness that did not count the samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_samples: Option<InFlightSamples>,
    pub latencies: Latencies,
    /// Absent if no request expects events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Box<Events>>,
    /// Times from sent to the interim answer 100; absent if no body has waited for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continued: Option<Box<LatencyHistogram>>,
    /// What agents did; absent if the requests are not those of agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp: Option<Box<Mcp>>,
    /// What the server wrote besides answers; absent if messages are not lines of pipes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdio: Option<Box<Stdio>>,
    /// Absent if no value is watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<Box<Watched>>,
    /// Absent if no request asks for events with stamps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<Box<Streams>>,
    /// Absent if the kernel stamped nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_lag: Option<ReadLag>,
    pub seconds: Vec<Second>,
    /// Absent without ticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticks: Option<Ticks>,
    /// The response times of a long window, by the block of its length in which each request was due; empty without blocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<LatencyHistogram>,
    /// The first request that one generator of several released; absent for a generator alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_release: Option<FirstRelease>,
    /// Up to five examples of failures, for people.
    pub examples: Vec<String>,
    /// What each of several generators did; empty in a record, where it is in a file of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeTrial>,
}

/// The counts of one window of a soak, for requests that ended in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// From 0.
    pub index: u64,
    pub outcomes: Outcomes,
    /// The response times of valid completions, to two digits; absent if there were none.
    pub response: Option<Quantiles>,
}

impl LoadFacts {
    /// Returns the errors of the window, without those that a stall of the generator can have caused.
    pub fn own_errors(&self) -> u64 {
        self.outcomes.errors().saturating_sub(self.stalls.map_or(0, |stalls| stalls.errors))
    }
}

impl Arm {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Proxied => "proxied",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::units::Nanos;

    #[test]
    fn a_histogram_that_equals_the_service_times_is_not_written_twice() {
        let mut latencies = Latencies::default();
        for us in [100, 200, 300] {
            latencies.service.record(Nanos::from_micros(us));
            latencies.ttfb.record(Nanos::from_micros(us));
            latencies.response.record(Nanos::from_micros(us + 50));
        }
        let text = serde_json::to_string(&latencies).unwrap();
        assert!(
            text.contains("\"response\"") && text.contains("\"first_body\"") && !text.contains("\"ttfb\""),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Latencies>(&text).unwrap(), latencies);
    }
}
