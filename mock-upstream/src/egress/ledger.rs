//! Counts the requests to foreign hosts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use harness_base::clock::Mono;
use harness_base::heartbeat::Stall;

use crate::upstream::StallSpan;

/// The number of hits that are kept until they are asked for, which bounds the memory.
const MOST_HITS: usize = 1 << 16;
/// The number of stalls that are kept until they are asked for.
const MOST_STALLS: usize = 1024;
/// The number of refused hosts that are counted by name.
const MOST_REFUSED: usize = 256;
/// The name under which all further hosts are counted.
const OTHER: &str = "<other>";
/// The longest name and the longest path that are kept, in characters.
const LONGEST: usize = 200;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    seen: Mutex<Seen>,
    stalls: Mutex<VecDeque<Stall>>,
    failed_handshakes: AtomicU64,
}

#[derive(Debug, Default)]
struct Seen {
    next: u64,
    hits: VecDeque<Hit>,
    refused: BTreeMap<String, u64>,
}

/// A request to a declared host, without its header fields and its body.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hit {
    /// The place in the order of all requests, from 0.
    pub number: u64,
    /// When its head had arrived, by the monotonic clock of the host.
    pub at_ns: u64,
    /// The name of the host in the scenario.
    pub egress: String,
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// When the approval is given that this request asks for; absent for other requests.
    pub approved_ns: Option<u64>,
}

/// The answer of the command `hits`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HitsReport {
    /// Those since the last time they were asked for; the last 65,536, if there are more.
    pub hits: Vec<Hit>,
    /// The spans since then in which the event loop did not run although it was due; the last 1,024, if there are more. Absent where the
    /// kernel keeps no account of waiting threads.
    #[serde(default)]
    pub stalls: Option<Vec<StallSpan>>,
}

/// The answer of the command `refused`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RefusedReport {
    /// Sorted by host.
    pub refused: Vec<Refused>,
    /// Connections to declared hosts whose TLS handshake failed, for example because the target does not trust the certificate.
    pub failed_handshakes: u64,
}

/// Requests to a host that is not declared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Refused {
    /// `HOST`, or `HOST:PORT` unless the port is 443.
    pub host: String,
    pub requests: u64,
}

/// What is recorded about a request.
pub(crate) struct Seeing<'a> {
    pub(crate) at: Mono,
    pub(crate) egress: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) approved: Option<Mono>,
}

impl Ledger {
    pub(crate) fn hit(&self, seeing: &Seeing<'_>) {
        let mut seen = self.seen();
        let number = seen.next;
        seen.next += 1;
        if seen.hits.len() == MOST_HITS {
            seen.hits.pop_front();
        }
        seen.hits.push_back(Hit {
            number,
            at_ns: seeing.at.0,
            egress: seeing.egress.to_owned(),
            method: shortened(seeing.method),
            path: shortened(seeing.path),
            status: seeing.status,
            approved_ns: seeing.approved.map(|approved| approved.0),
        });
    }

    /// Counts a request to a host that is not declared.
    pub(crate) fn refuse(&self, host: &str) {
        let mut seen = self.seen();
        let host = shortened(host);
        let is_known = seen.refused.contains_key(&host) || seen.refused.len() < MOST_REFUSED;
        *seen.refused.entry(if is_known { host } else { OTHER.to_owned() }).or_default() += 1;
    }

    pub(crate) fn fail_handshake(&self) {
        self.failed_handshakes.fetch_add(1, Relaxed);
    }

    /// Counts a stall of the event loop.
    pub(crate) fn stall(&self, stall: Stall) {
        let mut stalls = self.stalls.lock().unwrap_or_else(PoisonError::into_inner);
        if stalls.len() == MOST_STALLS {
            stalls.pop_front();
        }
        stalls.push_back(stall);
    }

    /// Takes the hits and the stalls since the last call. `watched` is whether stalls can be detected.
    pub(crate) fn take_hits(&self, watched: bool) -> HitsReport {
        let stalls = std::mem::take(&mut *self.stalls.lock().unwrap_or_else(PoisonError::into_inner));
        let stalls = watched.then(|| stalls.iter().map(StallSpan::from).collect());
        HitsReport { hits: std::mem::take(&mut self.seen().hits).into(), stalls }
    }

    /// Reports what was refused so far.
    pub(crate) fn refused(&self) -> RefusedReport {
        let seen = self.seen();
        let refused = seen.refused.iter().map(|(host, requests)| Refused { host: host.clone(), requests: *requests });
        RefusedReport { refused: refused.collect(), failed_handshakes: self.failed_handshakes.load(Relaxed) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use harness_base::units::Nanos;

    use super::*;

    #[test]
    fn hits_are_numbered_taken_once_and_bounded() {
        let ledger = Ledger::default();
        let long = "x".repeat(1_000);
        let seeing =
            Seeing { at: Mono(7), egress: "a", method: "GET", path: &long, status: 200, approved: Some(Mono(9)) };
        (0..MOST_HITS + 2).for_each(|_| ledger.hit(&seeing));
        ledger.stall(Stall { from: Mono(1), until: Mono(5), stolen: Nanos(2) });
        let HitsReport { hits: taken, stalls } = ledger.take_hits(true);
        assert_eq!(stalls, Some(vec![StallSpan { from_ns: 1, until_ns: 5, stolen_ns: 2 }]));
        assert_eq!((taken.len(), taken[0].number, taken[0].path.len()), (MOST_HITS, 2, LONGEST));
        assert_eq!((taken[0].at_ns, taken[0].approved_ns), (7, Some(9)));
        assert_eq!(ledger.take_hits(true), HitsReport { hits: Vec::new(), stalls: Some(Vec::new()) });
        assert_eq!(ledger.take_hits(false).stalls, None);
    }

    #[test]
    fn refused_hosts_are_counted_by_name_and_bounded() {
        let ledger = Ledger::default();
        (0..MOST_REFUSED + 3).for_each(|number| ledger.refuse(&format!("{number:04}.test")));
        ledger.refuse("0000.test");
        let refused = ledger.refused().refused;
        assert_eq!((refused.len(), refused[0].requests), (MOST_REFUSED + 1, 2));
        assert_eq!(refused.last().unwrap(), &Refused { host: OTHER.to_owned(), requests: 3 });
    }
}
