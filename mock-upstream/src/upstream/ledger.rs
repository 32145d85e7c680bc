//! Counters of the upstream.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use harness_base::heartbeat::Stall;
use harness_base::units::Nanos;
use hyper::Method;

use super::fault::Fault;
use super::mcp::McpReport;

/// The number of paths counted by name, which bounds the memory.
const MAX_PATHS: usize = 1024;
/// The number of stalls that are kept, which bounds the memory.
const MAX_STALLS: usize = 4096;
/// The name under which all further paths are counted.
const OTHER: &str = "<other>";

type Paths = HashMap<Box<str>, Vec<(Method, u64)>>;

/// Counts requests by method and path, the real delays, and the requests and connections affected by a fault.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    paths: Mutex<Paths>,
    delays: AtomicU64,
    delay_sum_ns: AtomicU64,
    down: AtomicU64,
    slow: AtomicU64,
    reset: AtomicU64,
    half_close: AtomicU64,
    garbage: AtomicU64,
    stalls: Mutex<VecDeque<Stall>>,
}

/// The answer of `/__upstream/ledger`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LedgerReport {
    /// Sorted by path and method.
    pub hits: Vec<Hits>,
    pub total: u64,
    /// Delays, measured by the upstream's own clock.
    pub delay_ns: DelayTotal,
    #[serde(default)]
    pub faults: FaultTotals,
    /// The last spans in which the event loop did not run although it was due: the process was stopped or frozen, or the hypervisor
    /// had its CPU. Absent where the kernel keeps no account of waiting threads.
    #[serde(default)]
    pub stalls: Option<Vec<StallSpan>>,
    /// What the MCP server counted; absent without `--mcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp: Option<McpReport>,
}

/// A stall, by the monotonic clock of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StallSpan {
    pub from_ns: u64,
    pub until_ns: u64,
    /// The part of it that the hypervisor can have taken.
    pub stolen_ns: u64,
}

impl From<&Stall> for StallSpan {
    fn from(stall: &Stall) -> Self {
        Self { from_ns: stall.from.0, until_ns: stall.until.0, stolen_ns: stall.stolen.0 }
    }
}

/// Requests of one method to one path.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hits {
    pub method: String,
    /// The path without its query, or `<other>` past 1,024 distinct paths.
    pub path: String,
    /// Requests received, answered or not.
    pub hits: u64,
}

/// The number of delayed responses and the sum of their delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DelayTotal {
    pub count: u64,
    /// The sum of the real delays, in nanoseconds.
    pub sum: u64,
}

/// How many requests and connections each fault affected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FaultTotals {
    /// Connections that ended because the upstream went down. Refused connections are not counted, only the kernel sees them.
    pub down: u64,
    pub slow: u64,
    pub reset: u64,
    pub half_close: u64,
    pub garbage: u64,
}

impl Ledger {
    pub(crate) fn record(&self, method: &Method, path: &str) {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(methods) = paths.get_mut(path) {
            return add(methods, method);
        }
        let key = if paths.len() < MAX_PATHS { path } else { OTHER };
        add(paths.entry(key.into()).or_default(), method);
    }

    pub(crate) fn record_delay(&self, delay: Nanos) {
        self.delays.fetch_add(1, Relaxed);
        self.delay_sum_ns.fetch_add(delay.0, Relaxed);
    }

    pub(crate) fn record_fault(&self, fault: Fault) {
        let counter = match fault {
            Fault::None => return,
            Fault::Down => &self.down,
            Fault::Slow(_) => &self.slow,
            Fault::Reset => &self.reset,
            Fault::HalfClose => &self.half_close,
            Fault::Garbage => &self.garbage,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn record_stall(&self, stall: Stall) {
        let mut stalls = self.stalls.lock().unwrap_or_else(PoisonError::into_inner);
        if stalls.len() == MAX_STALLS {
            stalls.pop_front();
        }
        stalls.push_back(stall);
    }

    fn stalls(&self) -> Vec<StallSpan> {
        let stalls = self.stalls.lock().unwrap_or_else(PoisonError::into_inner);
        stalls.iter().map(StallSpan::from).collect()
    }

    fn faults(&self) -> FaultTotals {
        FaultTotals {
            down: self.down.load(Relaxed),
            slow: self.slow.load(Relaxed),
            reset: self.reset.load(Relaxed),
            half_close: self.half_close.load(Relaxed),
            garbage: self.garbage.load(Relaxed),
        }
    }

    /// Reports the counts. `watched` is whether stalls can be detected.
    pub(crate) fn report(&self, watched: bool) -> LedgerReport {
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hits: Vec<Hits> = paths
            .iter()
            .flat_map(|(path, methods)| {
                methods.iter().map(|(method, hits)| Hits {
                    method: method.to_string(),
                    path: path.to_string(),
                    hits: *hits,
                })
            })
            .collect();
        hits.sort_unstable_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
        LedgerReport {
            total: hits.iter().map(|h| h.hits).sum(),
            hits,
            delay_ns: DelayTotal { count: self.delays.load(Relaxed), sum: self.delay_sum_ns.load(Relaxed) },
            faults: self.faults(),
            stalls: watched.then(|| self.stalls()),
            mcp: None,
        }
    }
}

fn add(methods: &mut Vec<(Method, u64)>, method: &Method) {
    match methods.iter_mut().find(|(known, _)| known == method) {
        Some((_, hits)) => *hits += 1,
        None => methods.push((method.clone(), 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_kept_by_method_and_path() {
        let ledger = Ledger::default();
        for (method, path) in [(Method::POST, "/b"), (Method::GET, "/b"), (Method::GET, "/a")] {
            ledger.record(&method, path);
        }
        ledger.record(&Method::GET, "/b");
        let report = ledger.report(true);
        let rows: Vec<_> = report.hits.iter().map(|h| (h.method.as_str(), h.path.as_str(), h.hits)).collect();
        assert_eq!(rows, [("GET", "/a", 1), ("GET", "/b", 2), ("POST", "/b", 1)]);
        assert_eq!(report.total, 4);
    }

    #[test]
    fn paths_beyond_the_cap_are_counted_together() {
        let ledger = Ledger::default();
        for n in 0..MAX_PATHS + 30 {
            ledger.record(&Method::GET, &format!("/{n}"));
        }
        ledger.record(&Method::GET, "/0");
        let report = ledger.report(true);
        let other = report.hits.iter().find(|h| h.path == OTHER).unwrap();
        assert_eq!(other.hits, 30);
        assert_eq!(report.hits.len(), MAX_PATHS + 1);
        assert_eq!(report.total, MAX_PATHS as u64 + 31);
    }
}
