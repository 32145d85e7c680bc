//! Counts what a relay really did.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use harness_base::heartbeat::Stall;
use harness_base::units::Nanos;

use crate::upstream::StallSpan;

/// The number of stalls that are kept, which bounds the memory.
const MAX_STALLS: usize = 4096;
/// Steps of the histogram of lags in each power of two: a step is at most an eighth of its value.
const STEPS: usize = 8;
/// The number of steps of all 64-bit values.
const BUCKETS: usize = 62 * STEPS;

/// The answer of the command `counts`: everything since the start.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RelayReport {
    /// When it was made, by the monotonic clock.
    pub at_ns: u64,
    /// CPU time of the relay.
    pub cpu_ns: u64,
    /// In the order of the flags --listen.
    pub routes: Vec<RouteReport>,
    /// How much later than it was due each chunk or packet was written, sorted. What the receiver did not take earlier is left out.
    pub lags: Vec<LagCount>,
    /// How late the event loop noticed that a timer was due, every 2 ms: as long as what arrives waits before it is read.
    pub waits: Vec<LagCount>,
    /// The last spans in which the event loop did not run although it was due. Absent where the kernel keeps no account of waiting threads.
    pub stalls: Option<Vec<StallSpan>>,
}

/// What one --listen relayed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RouteReport {
    pub listen: String,
    pub to: String,
    /// Connections that were accepted, or sources of packets.
    pub connections: u64,
    /// Connections that the destination did not accept.
    pub refused: u64,
    /// Connections that the relay reset on purpose.
    pub reset: u64,
    /// From the client to the destination.
    pub forward: DirectionReport,
    /// From the destination to the client.
    pub backward: DirectionReport,
}

/// What was relayed in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DirectionReport {
    /// Bytes that were written, without headers of TCP, UDP and IP.
    pub bytes: u64,
    /// Chunks of a connection, or packets, that were written.
    pub chunks: u64,
    /// The sum of the times from the arrival of each to its departure, in nanoseconds.
    pub delay_sum_ns: u64,
    /// Packets that were lost on purpose.
    pub lost: u64,
    /// Packets that were sent twice on purpose.
    pub duplicated: u64,
    /// Packets that were held for longer on purpose.
    pub reordered: u64,
    /// Packets for which the queue had no room, as in a router.
    pub overflowed: u64,
    /// Packets that could not be sent.
    pub unsent: u64,
    /// Packets that the kernel dropped before the relay saw them; only on the side of the listener.
    pub kernel_dropped: u64,
}

/// How many lags are within one step of the histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LagCount {
    /// The largest value of the step, in nanoseconds.
    pub up_to_ns: u64,
    pub count: u64,
}

/// The counters of one direction.
#[derive(Debug, Default)]
pub(crate) struct DirectionCounts {
    bytes: AtomicU64,
    chunks: AtomicU64,
    delay_sum_ns: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) duplicated: AtomicU64,
    pub(crate) reordered: AtomicU64,
    pub(crate) overflowed: AtomicU64,
    pub(crate) unsent: AtomicU64,
}

/// The counters of one --listen.
#[derive(Debug, Default)]
pub(crate) struct RouteCounts {
    pub(crate) connections: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) reset: AtomicU64,
}

/// How late something was, as a histogram.
#[derive(Debug)]
pub(crate) struct Lags(Box<[AtomicU64]>);

/// The last stalls of the relay.
#[derive(Debug, Default)]
pub(crate) struct Stalls(Mutex<VecDeque<Stall>>);

/// Adds one to a counter.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl DirectionCounts {
    /// Counts a chunk or packet that was written `delay` after its arrival.
    pub(crate) fn pass(&self, bytes: usize, delay: Nanos) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
        count(&self.chunks);
        self.delay_sum_ns.fetch_add(delay.0, Relaxed);
    }

    pub(crate) fn report(&self) -> DirectionReport {
        DirectionReport {
            bytes: self.bytes.load(Relaxed),
            chunks: self.chunks.load(Relaxed),
            delay_sum_ns: self.delay_sum_ns.load(Relaxed),
            lost: self.lost.load(Relaxed),
            duplicated: self.duplicated.load(Relaxed),
            reordered: self.reordered.load(Relaxed),
            overflowed: self.overflowed.load(Relaxed),
            unsent: self.unsent.load(Relaxed),
            kernel_dropped: 0,
        }
    }
}

impl Default for Lags {
    fn default() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Lags {
    pub(crate) fn record(&self, lag: Nanos) {
        if let Some(bucket) = self.0.get(bucket(lag.0)) {
            count(bucket);
        }
    }

    pub(crate) fn report(&self) -> Vec<LagCount> {
        let counted = |(bucket, counter): (usize, &AtomicU64)| LagCount {
            up_to_ns: largest(bucket),
            count: counter.load(Relaxed),
        };
        self.0.iter().enumerate().map(counted).filter(|step| step.count > 0).collect()
    }
}

/// Returns the step to which a value belongs.
const fn bucket(value: u64) -> usize {
    if value < STEPS as u64 {
        return value as usize;
    }
    let power = value.ilog2() as usize;
    (power - 2) * STEPS + (value >> (power - 3)) as usize % STEPS
}

/// Returns the largest value of a step.
const fn largest(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let shift = bucket / STEPS - 1;
    let first = ((STEPS + bucket % STEPS) as u64) << shift;
    first + ((1 << shift) - 1)
}

impl Stalls {
    pub(crate) fn record(&self, stall: Stall) {
        let mut stalls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stalls.len() == MAX_STALLS {
            stalls.pop_front();
        }
        stalls.push_back(stall);
    }

    pub(crate) fn report(&self) -> Vec<StallSpan> {
        let stalls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let span =
            |stall: &Stall| StallSpan { from_ns: stall.from.0, until_ns: stall.until.0, stolen_ns: stall.stolen.0 };
        stalls.iter().map(span).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_the_histogram_is_at_most_an_eighth_of_its_value() {
        for value in (0..1_000).chain((10..64).flat_map(|power| [(1_u64 << power) - 1, 1 << power, (1 << power) + 77]))
        {
            let step = largest(bucket(value));
            assert!(step >= value && step - value <= value / 8, "{value} in the step up to {step}");
        }
        assert_eq!(largest(bucket(u64::MAX)), u64::MAX);
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn lags_are_reported_in_order_with_their_number() {
        let lags = Lags::default();
        for lag in [5, 5, 1_000_000, 70] {
            lags.record(Nanos(lag));
        }
        let report = lags.report();
        assert_eq!(report.iter().map(|step| step.count).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(report[0].up_to_ns, 5);
        assert!(report.is_sorted_by_key(|step| step.up_to_ns));
    }
}
