//! Counts the outcomes of requests in one shard per worker thread, without lock contention, and merges them when a trial ends.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::arm_client::Completion;
use super::read_lag::ReadLags;
use crate::facts::{Connections, Events, Latencies};
use crate::latency::LatencyHistogram;
use crate::mcp::facts::Mcp;
use crate::outcome::{Outcome, Outcomes};
use crate::streams::Streams;
use crate::watched::Watched;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The shards of one trial.
pub(super) struct Tallies {
    shards: Vec<Shard>,
}

/// A shard, aligned to two cache lines because processors fetch them in pairs.
#[repr(align(128))]
#[derive(Default)]
struct Shard {
    started: AtomicU64,
    scheduled: AtomicU64,
    finished: AtomicU64,
    tally: Mutex<Tally>,
}

#[derive(Default)]
pub(super) struct Tally {
    pub(super) outcomes: Outcomes,
    pub(super) completed_in_window: u64,
    pub(super) late: u64,
    /// Requests that a stall of the generator overlaps.
    pub(super) stalled: u64,
    /// Those of them that ended after the window.
    pub(super) stalled_after: u64,
    /// Those of them that are errors.
    pub(super) stalled_errors: u64,
    /// Requests that were due outside the window.
    pub(super) outside: Outcomes,
    /// When the first error of the window ended.
    pub(super) first_error: Option<Mono>,
    /// Response times by the block of the window in which the request was due; empty without blocks.
    pub(super) blocks: BTreeMap<u64, LatencyHistogram>,
    /// Number and sum of the response times of the valid requests due in each half of the window.
    pub(super) halves: [Mean; 2],
    pub(super) sent_total: u64,
    pub(super) reconnects: u64,
    pub(super) latencies: Latencies,
    pub(super) read_lags: ReadLags,
    /// Service times of answers that arrived at once, whose times to the first byte and to the first byte of the body are the same. Most
    /// answers do, and one record costs less than three.
    at_once: LatencyHistogram,
    /// The few seconds of the window that have not been collected yet, by number.
    pub(super) seconds: BTreeMap<u64, SecondTally>,
    /// Outcomes by the tick of the window in which the request was due; empty without ticks.
    pub(super) ticks: BTreeMap<u64, Outcomes>,
    /// Absent if no answer had any.
    pub(super) events: Option<Box<Events>>,
    /// Times from sent to the interim answer 100; absent if no body has waited for one.
    pub(super) continued: Option<Box<LatencyHistogram>>,
    /// Absent if the requests are not those of agents.
    pub(super) mcp: Option<Box<Mcp>>,
    /// Absent if no value is watched.
    pub(super) watched: Option<Box<Watched>>,
    /// Absent if no event had a stamp.
    pub(super) streams: Option<Box<Streams>>,
    /// Absent if none was opened, or if connections stay open.
    pub(super) connections: Option<Box<Connections>>,
}

/// A mean under construction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mean {
    n: u64,
    sum: u64,
}

impl Mean {
    pub(super) fn add(&mut self, span: Nanos) {
        *self = Self { n: self.n + 1, sum: self.sum.saturating_add(span.0) };
    }

    fn merge(&mut self, other: Self) {
        *self = Self { n: self.n + other.n, sum: self.sum.saturating_add(other.sum) };
    }

    /// Returns the mean in nanoseconds; `None` without a value.
    pub(super) fn ns(self) -> Option<u64> {
        self.sum.checked_div(self.n)
    }
}

/// The counts of one or more seconds of the window.
#[derive(Debug)]
pub(super) struct SecondTally {
    pub(super) outcomes: Outcomes,
    pub(super) response: LatencyHistogram,
}

impl Default for SecondTally {
    fn default() -> Self {
        Self { outcomes: Outcomes::default(), response: LatencyHistogram::coarse() }
    }
}

impl SecondTally {
    pub(super) fn errors(&self) -> u64 {
        self.outcomes.total() - self.outcomes.ok
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.outcomes.merge(&other.outcomes);
        self.response.merge(&other.response);
    }
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: Cell<usize> = Cell::new(THREADS.fetch_add(1, Relaxed));
}

impl Tallies {
    /// Creates shards for `workers` threads and for the thread that drives the child, which can serve users too.
    pub(super) fn new(workers: usize) -> Self {
        let shards: Vec<Shard> = (0..=workers.max(1)).map(|_| Shard::default()).collect();
        shards.iter().for_each(|shard| hold(&shard.tally).read_lags.begin());
        Self { shards }
    }

    fn shard(&self) -> &Shard {
        &self.shards[THREAD.get() % self.shards.len()]
    }

    /// Counts the start of a request. The count is independent of the outcomes, so that their sum can be checked against it. Returns whether
    /// it is the first of its thread.
    pub(super) fn start(&self, in_window: bool) -> bool {
        let shard = self.shard();
        let is_first = shard.started.fetch_add(1, Relaxed) == 0;
        shard.scheduled.fetch_add(u64::from(in_window), Relaxed);
        is_first
    }

    /// Returns the number of started requests of the window.
    pub(super) fn scheduled(&self) -> u64 {
        self.sum(|shard| &shard.scheduled)
    }

    fn sum(&self, count: fn(&Shard) -> &AtomicU64) -> u64 {
        self.shards.iter().map(|shard| count(shard).load(Relaxed)).sum()
    }

    /// Counts the end of a request, and returns the tally that records it.
    pub(super) fn finish(&self) -> MutexGuard<'_, Tally> {
        let shard = self.shard();
        shard.finished.fetch_add(1, Relaxed);
        hold(&shard.tally)
    }

    /// Counts the end of a request that is recorded later.
    pub(super) fn end(&self) {
        self.shard().finished.fetch_add(1, Relaxed);
    }

    /// Returns the tally that this thread counts in.
    pub(super) fn current(&self) -> MutexGuard<'_, Tally> {
        hold(&self.shard().tally)
    }

    /// Returns the number of requests in flight. Finished requests are summed first, so that the difference is never negative.
    pub(super) fn in_flight(&self) -> u64 {
        let finished = self.sum(|shard| &shard.finished);
        self.sum(|shard| &shard.started).saturating_sub(finished)
    }

    /// Removes the seconds before number `second` from all shards.
    pub(super) fn take_seconds(&self, second: u64) -> BTreeMap<u64, SecondTally> {
        let mut taken: BTreeMap<u64, SecondTally> = BTreeMap::new();
        for shard in &self.shards {
            let past = {
                let mut tally = hold(&shard.tally);
                let later = tally.seconds.split_off(&second);
                std::mem::replace(&mut tally.seconds, later)
            };
            for (number, part) in past {
                taken.entry(number).or_default().merge(&part);
            }
        }
        taken
    }

    /// Merges all shards and empties them.
    pub(super) fn merged(&self) -> Tally {
        let mut whole = Tally::default();
        for shard in &self.shards {
            let mut part = std::mem::take(&mut *hold(&shard.tally));
            part.read_lags.settle();
            whole.merge(&part);
        }
        whole
    }
}

impl Tally {
    /// Counts a completion or an error in its second of the window.
    pub(super) fn second(&mut self, window_start: Mono, at: Mono, outcome: Outcome, response: Nanos) {
        let number = at.since(window_start).0 / 1_000_000_000;
        let second = self.seconds.entry(number).or_default();
        second.outcomes.add(outcome, 1);
        if outcome == Outcome::Ok {
            second.response.record(response);
        }
    }

    /// Records the times of a valid answer since it was sent.
    pub(super) fn served(&mut self, sent: Mono, completion: &Completion) {
        let Completion { headers, first_body, ended, arrived, .. } = *completion;
        if let Some(arrived) = arrived {
            self.read_lags.add(arrived, ended);
        }
        if let Some(continued) = completion.continued {
            self.continued.get_or_insert_default().record(continued.since(sent));
        }
        if headers == ended && first_body == Some(ended) {
            self.at_once.record(ended.since(sent));
            return;
        }
        self.latencies.service.record(ended.since(sent));
        self.latencies.ttfb.record(headers.since(sent));
        if let Some(first) = first_body {
            self.latencies.first_body.record(first.since(sent));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.outcomes.merge(&other.outcomes);
        self.completed_in_window += other.completed_in_window;
        self.late += other.late;
        self.stalled += other.stalled;
        self.stalled_after += other.stalled_after;
        self.stalled_errors += other.stalled_errors;
        self.outside.merge(&other.outside);
        self.first_error = self.first_error.into_iter().chain(other.first_error).min();
        for (number, block) in &other.blocks {
            self.blocks.entry(*number).or_default().merge(block);
        }
        self.halves.iter_mut().zip(other.halves).for_each(|(mean, other)| mean.merge(other));
        self.sent_total += other.sent_total;
        self.reconnects += other.reconnects;
        for (number, outcomes) in &other.ticks {
            self.ticks.entry(*number).or_default().merge(outcomes);
        }
        if let Some(events) = &other.events {
            self.events.get_or_insert_default().merge(events);
        }
        if let Some(continued) = &other.continued {
            self.continued.get_or_insert_default().merge(continued);
        }
        if let Some(mcp) = &other.mcp {
            self.mcp.get_or_insert_default().merge(mcp);
        }
        if let Some(watched) = &other.watched {
            self.watched.get_or_insert_default().merge(watched);
        }
        if let Some(streams) = &other.streams {
            self.streams.get_or_insert_default().merge(streams);
        }
        if let Some(connections) = &other.connections {
            self.connections.get_or_insert_default().merge(connections);
        }
        let (mine, theirs) = (&mut self.latencies, &other.latencies);
        mine.response.merge(&theirs.response);
        for (mine, theirs) in [
            (&mut mine.service, &theirs.service),
            (&mut mine.ttfb, &theirs.ttfb),
            (&mut mine.first_body, &theirs.first_body),
        ] {
            mine.merge(theirs);
            mine.merge(&other.at_once);
        }
        mine.connection_wait.merge(&theirs.connection_wait);
        mine.pacer_lag.merge(&theirs.pacer_lag);
        self.read_lags.merge(&other.read_lags);
    }
}

/// Locks a tally. The counts remain usable after a panic of another thread.
fn hold(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
