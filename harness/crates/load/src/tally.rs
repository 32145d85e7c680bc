//! Counting what became of requests: one shard per worker thread, so that nobody waits for a lock, merged when a trial ends.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::facts::Latencies;
use crate::latency::LatencyHistogram;
use crate::outcome::{Outcome, Outcomes};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The shards of one trial.
pub(super) struct Tallies {
    shards: Vec<Shard>,
}

/// Aligned to two cache lines, which processors fetch in pairs.
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
    pub(super) sent_total: u64,
    pub(super) reconnects: u64,
    pub(super) latencies: Latencies,
    /// Seconds of the window that have not been collected yet, by number; at most a few.
    pub(super) seconds: BTreeMap<u64, SecondTally>,
    /// Outcomes by the tick of the window in which the request was to start; none where nobody asked for them.
    pub(super) ticks: BTreeMap<u64, Outcomes>,
}

/// One second of the window, or several.
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
    /// For `workers` threads; the thread that drives the child may serve users too.
    pub(super) fn new(workers: usize) -> Self {
        Self { shards: (0..=workers.max(1)).map(|_| Shard::default()).collect() }
    }

    fn shard(&self) -> &Shard {
        &self.shards[THREAD.get() % self.shards.len()]
    }

    /// A request is on its way, and may belong to the window. Counted here, apart from its outcome, so that the sum of the
    /// outcomes can be checked against it.
    pub(super) fn start(&self, in_window: bool) {
        let shard = self.shard();
        shard.started.fetch_add(1, Relaxed);
        shard.scheduled.fetch_add(u64::from(in_window), Relaxed);
    }

    /// Requests of the window that were started.
    pub(super) fn scheduled(&self) -> u64 {
        self.sum(|shard| &shard.scheduled)
    }

    fn sum(&self, count: fn(&Shard) -> &AtomicU64) -> u64 {
        self.shards.iter().map(|shard| count(shard).load(Relaxed)).sum()
    }

    /// A request has come to its end; the tally to write it down in.
    pub(super) fn finish(&self) -> MutexGuard<'_, Tally> {
        let shard = self.shard();
        shard.finished.fetch_add(1, Relaxed);
        hold(&shard.tally)
    }

    /// Requests on their way at this moment, counted apart from everything else. Finished ones are summed first, so that the
    /// difference is never negative.
    pub(super) fn in_flight(&self) -> u64 {
        let finished = self.sum(|shard| &shard.finished);
        self.sum(|shard| &shard.started).saturating_sub(finished)
    }

    /// Takes the seconds before number `second` out of all shards.
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

    /// All shards in one; what is left in them is of no use.
    pub(super) fn merged(&self) -> Tally {
        let mut whole = Tally::default();
        for shard in &self.shards {
            whole.merge(&std::mem::take(&mut *hold(&shard.tally)));
        }
        whole
    }
}

impl Tally {
    /// Counts a completion or error at `at` into its second of the window.
    pub(super) fn second(&mut self, window_start: Mono, at: Mono, outcome: Outcome, response: Nanos) {
        let number = at.since(window_start).0 / 1_000_000_000;
        let second = self.seconds.entry(number).or_default();
        second.outcomes.add(outcome, 1);
        if outcome == Outcome::Ok {
            second.response.record(response);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.outcomes.merge(&other.outcomes);
        self.completed_in_window += other.completed_in_window;
        self.late += other.late;
        self.sent_total += other.sent_total;
        self.reconnects += other.reconnects;
        for (number, outcomes) in &other.ticks {
            self.ticks.entry(*number).or_default().merge(outcomes);
        }
        let (mine, theirs) = (&mut self.latencies, &other.latencies);
        mine.response.merge(&theirs.response);
        mine.service.merge(&theirs.service);
        mine.ttfb.merge(&theirs.ttfb);
        mine.first_body.merge(&theirs.first_body);
        mine.connection_wait.merge(&theirs.connection_wait);
        mine.pacer_lag.merge(&theirs.pacer_lag);
    }
}

/// A panic of another thread leaves counts that are still counts.
fn hold(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
