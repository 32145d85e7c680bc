//! What the sidecar really did, by its own clock.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Sidecar;
use crate::clock::{monotonic_ns, nanos};

/// Running counters; instants are monotonic nanoseconds, 0 when not yet.
#[derive(Debug)]
pub(crate) struct Truth {
    main_ns: u64,
    listening_ns: AtomicU64,
    admin_listening_ns: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) forwarded: AtomicU64,
    pub(crate) errors_injected: AtomicU64,
    pub(crate) connect_failures: AtomicU64,
    pub(crate) added_request: Lengths,
    pub(crate) added_response: Lengths,
    pub(crate) answered: Lengths,
    pub(crate) burned: Lengths,
    pub(crate) flooded: AtomicU64,
    pub(crate) flood_writes: Lengths,
    pub(crate) worker_pid: AtomicU64,
    pub(crate) worker_burned_ns: AtomicU64,
    pub(crate) worker_ballast: AtomicU64,
}

/// Count, sum, extremes and distribution of lengths in nanoseconds.
#[derive(Debug)]
pub(crate) struct Lengths {
    buckets: Box<[AtomicU64]>,
    count: AtomicU64,
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
}

/// What `/truth` answers. Instants and lengths are nanoseconds of the monotonic clock; null is not yet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TruthReport {
    pub pid: u32,
    /// When `main` was entered.
    pub main_ns: u64,
    /// When the proxy port began to listen.
    pub listening_ns: Option<u64>,
    /// When the admin port began to answer.
    pub admin_listening_ns: Option<u64>,
    /// From when on `/health` answered 200.
    pub healthy_ns: Option<u64>,
    /// From when on `/ready` answered 200.
    pub ready_ns: Option<u64>,
    /// Connections that the proxy accepted.
    #[serde(default)]
    pub connections: u64,
    /// Requests that reached the proxy.
    pub requests: u64,
    /// Requests that were sent to the upstream.
    pub forwarded: u64,
    /// Requests answered with an injected error.
    pub errors_injected: u64,
    /// Attempts to connect to the upstream that failed.
    pub upstream_connect_failures: u64,
    pub added_request_ns: Span,
    /// Delays added before returning the response.
    pub added_response_ns: Span,
    /// From requests to their answers, where `--answer-after` is set.
    pub answered_ns: Span,
    pub burned_cpu_ns: Total,
    /// Bytes of the flood of lines written so far.
    pub flooded_bytes: u64,
    /// How long each write of the flood took, of 64 KiB or a little less.
    pub flood_write_ns: Span,
    /// Memory held from the start.
    pub ballast_bytes: u64,
    pub leaked_bytes: u64,
    pub leaked_fds: u64,
    /// Times the memory of the sawtooth was given back so far.
    pub sawteeth: u64,
    pub freeze: Freeze,
    pub worker: WorkerReport,
}

/// Lengths with their extremes; null when there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Span {
    pub count: u64,
    pub sum: u64,
    /// The one in the middle, right to 1 %: what a few that somebody else on the machine made longer do not move.
    pub median: Option<u64>,
    pub min: Option<u64>,
    pub max: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Total {
    pub count: u64,
    pub sum: u64,
}

/// When the freeze began and when the last blocked thread went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Freeze {
    pub started_ns: Option<u64>,
    pub ended_ns: Option<u64>,
}

/// The worker process as it last told about itself, at most 0.1 s ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WorkerReport {
    pub pid: Option<u32>,
    /// CPU it has burned on purpose, by its own thread's CPU clock.
    pub burned_cpu_ns: u64,
    pub ballast_bytes: u64,
}

/// Buckets of each power of two.
const STEPS: u64 = 64;
/// Longer lengths, more than two minutes, are counted as this one in the distribution.
const LONGEST: u64 = (1 << 37) - 1;

/// The bucket of a length.
fn bucket(nanos: u64) -> usize {
    let nanos = nanos.clamp(STEPS, LONGEST);
    let shift = nanos.ilog2() - STEPS.ilog2();
    (u64::from(shift) * STEPS + (nanos >> shift) - STEPS) as usize
}

/// The middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let (shift, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    ((STEPS + step) << shift) + (1 << shift) / 2
}

impl Lengths {
    fn new() -> Self {
        let buckets = (0..=bucket(LONGEST)).map(|_| AtomicU64::new(0)).collect();
        let zero = || AtomicU64::new(0);
        Self { buckets, count: zero(), sum: zero(), min: AtomicU64::new(u64::MAX), max: zero() }
    }

    pub(crate) fn record(&self, nanos: u64) {
        self.buckets[bucket(nanos)].fetch_add(1, Relaxed);
        self.count.fetch_add(1, Relaxed);
        self.sum.fetch_add(nanos, Relaxed);
        self.min.fetch_min(nanos, Relaxed);
        self.max.fetch_max(nanos, Relaxed);
    }

    fn total(&self) -> Total {
        Total { count: self.count.load(Relaxed), sum: self.sum.load(Relaxed) }
    }

    fn span(&self) -> Span {
        let Total { count, sum } = self.total();
        let extreme = |value: &AtomicU64| (count > 0).then(|| value.load(Relaxed));
        Span { count, sum, median: self.median(), min: extreme(&self.min), max: extreme(&self.max) }
    }

    fn median(&self) -> Option<u64> {
        let counts: Vec<u64> = self.buckets.iter().map(|count| count.load(Relaxed)).collect();
        let half = counts.iter().sum::<u64>().div_ceil(2);
        let mut below = 0;
        let found = counts.iter().position(|count| {
            below += count;
            half > 0 && below >= half
        });
        found.map(middle)
    }
}

impl Truth {
    pub(crate) fn new(main_ns: u64) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            main_ns,
            listening_ns: zero(),
            admin_listening_ns: zero(),
            connections: zero(),
            requests: zero(),
            forwarded: zero(),
            errors_injected: zero(),
            connect_failures: zero(),
            added_request: Lengths::new(),
            added_response: Lengths::new(),
            answered: Lengths::new(),
            burned: Lengths::new(),
            flooded: zero(),
            flood_writes: Lengths::new(),
            worker_pid: zero(),
            worker_burned_ns: zero(),
            worker_ballast: zero(),
        }
    }

    /// The first call counts: whoever binds the listener stamps it at once.
    pub(crate) fn set_listening(&self) {
        stamp(&self.listening_ns);
    }

    pub(crate) fn set_admin_listening(&self) {
        stamp(&self.admin_listening_ns);
    }

    pub(crate) fn main_ns(&self) -> u64 {
        self.main_ns
    }
}

fn stamp(instant: &AtomicU64) {
    let _ = instant.compare_exchange(0, monotonic_ns(), Relaxed, Relaxed);
}

fn instant(value: &AtomicU64) -> Option<u64> {
    Some(value.load(Relaxed)).filter(|ns| *ns > 0)
}

/// An admin answer turns 200 `after` main, but not before there is a port to ask.
fn turned(truth: &Truth, after: std::time::Duration) -> Option<u64> {
    let open = instant(&truth.admin_listening_ns)?;
    let due = truth.main_ns.saturating_add(nanos(after)).max(open);
    Some(due).filter(|due| monotonic_ns() >= *due)
}

pub(crate) fn healthy(sidecar: &Sidecar) -> Option<u64> {
    turned(&sidecar.truth, sidecar.args.healthy_after)
}

pub(crate) fn ready(sidecar: &Sidecar) -> Option<u64> {
    let after = sidecar.args.ready_after;
    turned(&sidecar.truth, after).filter(|_| !sidecar.args.never_ready)
}

pub(crate) fn report(sidecar: &Sidecar) -> TruthReport {
    let truth = &sidecar.truth;
    let worker_pid = u32::try_from(truth.worker_pid.load(Relaxed)).unwrap_or(0);
    TruthReport {
        pid: std::process::id(),
        main_ns: truth.main_ns,
        listening_ns: instant(&truth.listening_ns),
        admin_listening_ns: instant(&truth.admin_listening_ns),
        healthy_ns: healthy(sidecar),
        ready_ns: ready(sidecar),
        connections: truth.connections.load(Relaxed),
        requests: truth.requests.load(Relaxed),
        forwarded: truth.forwarded.load(Relaxed),
        errors_injected: truth.errors_injected.load(Relaxed),
        upstream_connect_failures: truth.connect_failures.load(Relaxed),
        added_request_ns: truth.added_request.span(),
        added_response_ns: truth.added_response.span(),
        answered_ns: truth.answered.span(),
        burned_cpu_ns: truth.burned.total(),
        flooded_bytes: truth.flooded.load(Relaxed),
        flood_write_ns: truth.flood_writes.span(),
        ballast_bytes: sidecar.leaks.ballast_bytes(),
        leaked_bytes: sidecar.leaks.bytes(),
        leaked_fds: sidecar.leaks.fds(),
        sawteeth: sidecar.leaks.sawteeth(),
        freeze: sidecar.gate.report(),
        worker: WorkerReport {
            pid: Some(worker_pid).filter(|pid| *pid > 0),
            burned_cpu_ns: truth.worker_burned_ns.load(Relaxed),
            ballast_bytes: truth.worker_ballast.load(Relaxed),
        },
    }
}

impl TruthReport {
    /// The same in the Prometheus text format; what is not yet true is left out.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        for (name, kind, value) in self.rows() {
            if let Some(value) = value {
                let name = format!("reference_sidecar_{name}");
                // Writing to a String cannot fail.
                let _ = writeln!(text, "# TYPE {name} {kind}\n{name} {value}");
            }
        }
        text
    }

    fn rows(&self) -> [(&'static str, &'static str, Option<u64>); 33] {
        let counter = |name, value| (name, "counter", Some(value));
        let gauge = |name, value| (name, "gauge", value);
        let (request, response) = (&self.added_request_ns, &self.added_response_ns);
        [
            gauge("pid", Some(self.pid.into())),
            gauge("main_ns", Some(self.main_ns)),
            gauge("listening_ns", self.listening_ns),
            gauge("admin_listening_ns", self.admin_listening_ns),
            gauge("healthy_ns", self.healthy_ns),
            gauge("ready_ns", self.ready_ns),
            counter("connections_total", self.connections),
            counter("requests_total", self.requests),
            counter("forwarded_total", self.forwarded),
            counter("errors_injected_total", self.errors_injected),
            counter("upstream_connect_failures_total", self.upstream_connect_failures),
            counter("added_request_total", request.count),
            counter("added_request_ns_total", request.sum),
            gauge("added_request_ns_min", request.min),
            gauge("added_request_ns_max", request.max),
            counter("added_response_total", response.count),
            counter("added_response_ns_total", response.sum),
            gauge("added_response_ns_min", response.min),
            gauge("added_response_ns_max", response.max),
            counter("answered_total", self.answered_ns.count),
            counter("answered_ns_total", self.answered_ns.sum),
            counter("burned_total", self.burned_cpu_ns.count),
            counter("burned_cpu_ns_total", self.burned_cpu_ns.sum),
            counter("flooded_bytes_total", self.flooded_bytes),
            counter("flood_write_ns_total", self.flood_write_ns.sum),
            gauge("ballast_bytes", Some(self.ballast_bytes)),
            counter("leaked_bytes_total", self.leaked_bytes),
            counter("leaked_fds_total", self.leaked_fds),
            counter("sawteeth_total", self.sawteeth),
            gauge("freeze_started_ns", self.freeze.started_ns),
            gauge("freeze_ended_ns", self.freeze.ended_ns),
            counter("worker_burned_cpu_ns_total", self.worker.burned_cpu_ns),
            gauge("worker_ballast_bytes", Some(self.worker.ballast_bytes)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_right_to_one_percent_and_bears_outliers() {
        for length in [100, 1_000, 499_999, 500_000, 987_654_321, LONGEST] {
            let lengths = Lengths::new();
            assert_eq!(lengths.span().median, None);
            for off in [0, 0, 0, 7_000_000_000, 90_000_000_000] {
                lengths.record(length + off);
            }
            let median = lengths.span().median.unwrap();
            assert!(median.abs_diff(length) <= length / 100, "{median}, truth {length}");
        }
    }
}
