//! The state of one trial, shared by all users: its instants, slots and counts.

mod report;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::arm_client::Completion;
use super::events::ReadEvents;
use super::frames::{Job, TrialOrder};
use super::mcp::facts::Mark;
use super::pace::{Pace, Schedule};
use super::slots::Slots;
use super::stalls::Stalls;
use super::streams::StreamEnd;
use super::stripe::Stripe;
use super::tally::{Tallies, Tally};
use crate::nodes::FirstRelease;
use crate::outcome::Outcome;
use harness_base::clock::Mono;
use harness_base::heartbeat::Heartbeat;
use harness_base::timer::Timer;
use harness_base::units::Nanos;

/// The number of examples of failures that are kept.
const EXAMPLES: usize = 5;

pub(super) struct Trial {
    /// The position of its arm in the job.
    pub(super) arm: usize,
    /// How many users of this generator take part.
    pub(super) users: u64,
    /// How many users of all generators take part.
    everyone: u64,
    /// The share of this generator; absent for one that is alone.
    stripe: Option<Stripe>,
    /// Whether seconds and slices are reported with their histograms.
    pub(super) detailed: bool,
    pub(super) window_start: Mono,
    pub(super) window_end: Mono,
    /// The length of a slice in seconds; absent without slices.
    pub(super) slice_seconds: Option<u64>,
    /// The end of the drain; no answer is awaited after it.
    pub(super) drain_until: Mono,
    pub(super) tallies: Tallies,
    /// The length of the ticks in which outcomes are counted.
    tick: Option<Nanos>,
    lists_streams: bool,
    /// The length of the blocks whose response times are recorded separately.
    block: Option<Nanos>,
    /// The span in which every request has a new connection.
    reconnect: Option<(Mono, Mono)>,
    /// How many requests each connection carries; absent when connections stay open.
    pub(super) requests_per_connection: Option<u64>,
    start: Mono,
    /// How much later than ordered it starts.
    delay: Nanos,
    ramp: Nanos,
    slots: Option<Slots>,
    /// The request that was sent first of those that threads released first, and when.
    first: Mutex<Option<(Mono, FirstRelease)>>,
    heartbeat: Heartbeat,
    stalls: Stalls,
    inside: AtomicUsize,
    empty: Notify,
    shown: AtomicUsize,
    examples: Mutex<Vec<String>>,
}

/// The next request of a user.
pub(super) enum NextRequest {
    Now,
    Slot {
        intended: Mono,
        /// Whether it was due before the user was free.
        late: bool,
    },
    /// The trial has no more requests.
    Over,
}

/// The instants of a request before it is answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) intended: Mono,
    pub(super) released: Mono,
    pub(super) sent: Mono,
    pub(super) late: bool,
}

/// What was read of an answer besides its instants.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen<'s> {
    pub(super) events: ReadEvents<'s>,
    /// When the answer was left, unless it was read to its end.
    pub(super) left: Option<Mono>,
    /// The number of events with a stamp that were asked for.
    pub(super) stamped: Option<u64>,
    /// What the request of an agent was; absent for others.
    pub(super) mcp: Option<Mark>,
}

impl Trial {
    /// Creates a trial on the arm at position `arm` of `job`; `timeout` is the longest timeout of a request.
    pub(super) fn new(order: &TrialOrder, arm: usize, job: &Job, timeout: Nanos) -> Self {
        let Job { connections, workers, seed, .. } = *job;
        let stripe = order.stripe.unwrap_or_default();
        let start = order.start_at.max(Mono::now());
        let lead = order.ramp.plus(order.warmup);
        let window_start = start.after(lead);
        let window_end = window_start.after(order.window);
        let everyone = order.connections.clamp(1, connections.max(1));
        let users = stripe.share(everyone).min(job.users());
        let slots = match order.pace {
            Pace::Closed { .. } => None,
            Pace::Open { rate, arrivals } => {
                let schedule = Schedule::new(rate, order.ramp, arrivals, seed.wrapping_add(order.sequence));
                let (before, all) = (schedule.due_before(lead), schedule.due_before(lead.plus(order.window)));
                Some(Slots::new(schedule, stripe, (before, all)))
            }
        };
        Self {
            arm,
            users,
            everyone,
            stripe: order.stripe,
            detailed: job.stripe.is_some(),
            window_start,
            window_end,
            slice_seconds: order.slice.map(|slice| (slice.0 / 1_000_000_000).max(1)),
            drain_until: window_end.after(timeout),
            tallies: Tallies::new(workers),
            tick: order.tick.filter(|tick| tick.0 > 0),
            lists_streams: order.lists_streams,
            block: order.block.filter(|block| block.0 > 0),
            reconnect: order.reconnect,
            requests_per_connection: order.requests_per_connection.filter(|requests| *requests > 0),
            start,
            delay: start.since(order.start_at),
            ramp: order.ramp,
            slots,
            first: Mutex::default(),
            heartbeat: Heartbeat::default(),
            stalls: Stalls::default(),
            inside: AtomicUsize::new(usize::try_from(users).unwrap_or(usize::MAX)),
            empty: Notify::new(),
            shown: AtomicUsize::new(0),
            examples: Mutex::default(),
        }
    }

    /// Returns when user `number` of all generators may send its first request. The users of a closed loop join evenly over the ramp.
    pub(super) fn joins(&self, number: u64) -> Mono {
        match self.slots {
            Some(_) => self.start,
            None => self.start.after(Nanos((self.ramp.0 as f64 * number as f64 / self.everyone as f64) as u64)),
        }
    }

    /// Claims the next slot for a free user.
    pub(super) fn claim(&self) -> NextRequest {
        self.claim_some(1).0
    }

    /// Claims up to `most` slots for requests that are sent together when the first of them is due. Returns their number.
    pub(super) fn claim_some(&self, most: u64) -> (NextRequest, u64) {
        let Some(slots) = &self.slots else {
            return (NextRequest::Now, most);
        };
        let now = Mono::now();
        self.watch(now);
        if now >= self.drain_until {
            return (NextRequest::Over, 0);
        }
        let (slot, claimed) = slots.claim(most);
        if slot >= slots.all {
            return (NextRequest::Over, 0);
        }
        let intended = self.start.after(slots.due(slot));
        let late = now > intended;
        if late {
            self.stalls.late(intended, now);
        }
        (NextRequest::Slot { intended, late }, claimed)
    }

    /// Returns whether users send their next request as soon as the last one was answered.
    pub(super) const fn is_closed(&self) -> bool {
        self.slots.is_none()
    }

    /// Returns whether a request sent at `at` has a new connection.
    pub(super) fn reconnects(&self, at: Mono) -> bool {
        self.reconnect.is_some_and(|(from, until)| (from..until).contains(&at))
    }

    /// Counts a user that has no more requests.
    pub(super) fn leave(&self) {
        if self.inside.fetch_sub(1, Relaxed) == 1 {
            self.empty.notify_one();
        }
    }

    /// Waits until every user has left, and watches meanwhile for stalls of the event loop. Without a user, because others have them all,
    /// waits until the end of the window.
    pub(super) async fn over(&self) {
        let end = async {
            if self.users == 0 {
                Timer::default().until(self.window_end).await;
            } else {
                self.empty.notified().await;
            }
        };
        self.heartbeat.beat_until(end, |stall| self.stalls.add(stall)).await;
    }

    /// Returns whether a stall of the generator overlaps what took from one instant to another.
    pub(super) fn is_stalled(&self, from: Mono, until: Mono) -> bool {
        self.stalls.overlap(from, until)
    }

    /// Records a stall that ended just before `now`. Every request calls it, because the timer of the heartbeat may run later.
    fn watch(&self, now: Mono) {
        if let Some(stall) = self.heartbeat.check(now) {
            self.stalls.add(stall);
        }
    }

    /// Returns whether another example of a failure is wanted, and counts it.
    pub(super) fn wants_example(&self) -> bool {
        self.shown.load(Relaxed) < EXAMPLES && self.shown.fetch_add(1, Relaxed) < EXAMPLES
    }

    pub(super) fn example(&self, text: String) {
        self.examples.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    pub(super) fn in_window(&self, instant: Mono) -> bool {
        (self.window_start..self.window_end).contains(&instant)
    }

    /// Writes down a request that is on its way.
    pub(super) fn begin(&self, turn: &Turn) {
        if self.tallies.start(self.in_window(turn.intended)) {
            self.note_first(turn);
        }
    }

    /// Notes the first request that a thread released, if this generator is one of several.
    fn note_first(&self, turn: &Turn) {
        let Some(stripe) = self.stripe else { return };
        // In a closed loop, a request is due when its user is free, and the first one when its user joins.
        let intended = if self.is_closed() { self.joins(stripe.index) } else { turn.intended };
        let lag = turn.sent.since(intended).plus(self.delay);
        let release = FirstRelease { intended_ns: intended.since(self.start).0, lag_ns: lag.0 };
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none_or(|(sent, _)| turn.sent < sent) {
            *first = Some((turn.sent, release));
        }
    }

    /// Counts a request as no longer in flight, although it is recorded later, together with others.
    pub(super) fn end(&self) {
        self.tallies.end();
    }

    /// Writes down a request that has come to its end, and what was read of its answer. Those of agents were counted by [`Trial::end`].
    pub(super) fn record(&self, turn: &Turn, completion: &Completion, seen: Seen<'_>) {
        self.watch(completion.ended);
        let ok = completion.outcome == Outcome::Ok;
        let mut tally = if seen.mcp.is_some() { self.tallies.current() } else { self.tallies.finish() };
        tally.sent_total += completion.writes;
        if let Some(mark) = &seen.mcp {
            tally.mcp.get_or_insert_default().sent(mark);
        }
        tally.reconnects += completion.reconnects;
        if self.in_window(completion.ended) {
            tally.completed_in_window += u64::from(ok);
            tally.second(
                self.window_start,
                completion.ended,
                completion.outcome,
                completion.ended.since(turn.intended),
            );
        }
        if let Some(asked) = seen.stamped.filter(|_| self.lists_streams) {
            let end = StreamEnd::of(asked, turn.sent, (completion.ended, completion.outcome), seen.events);
            tally.streams.get_or_insert_default().ends.push(end);
        }
        let outcome = self.outcome(turn, completion);
        if !self.in_window(turn.intended) {
            tally.outside.add(outcome, 1);
            return;
        }
        tally.outcomes.add(outcome, 1);
        if let (Some(mark), Some(mcp)) = (&seen.mcp, &mut tally.mcp) {
            mcp.ended(mark, outcome);
        }
        if outcome.is_error() {
            tally.first_error = tally.first_error.into_iter().chain([completion.ended]).min();
        }
        if let Some(tick) = self.tick {
            let number = turn.intended.since(self.window_start).0 / tick.0;
            tally.ticks.entry(number).or_default().add(outcome, 1);
        }
        tally.late += u64::from(turn.late);
        if self.stalls.overlap(turn.intended, completion.ended) {
            tally.stalled += 1;
            tally.stalled_after += u64::from(completion.ended >= self.window_end);
            tally.stalled_errors += u64::from(outcome.is_error());
            return;
        }
        if !self.is_closed() {
            tally.latencies.pacer_lag.record(turn.released.since(turn.intended));
        }
        if ok {
            self.record_answer(&mut tally, turn, completion, &seen);
        }
    }

    /// Records the times of a valid answer.
    fn record_answer(&self, tally: &mut Tally, turn: &Turn, completion: &Completion, seen: &Seen<'_>) {
        let open = !self.is_closed();
        let sent = completion.sent.unwrap_or(turn.sent);
        tally.served(sent, completion);
        if !seen.events.ends.is_empty() {
            tally.events.get_or_insert_default().add(sent, seen.events.ends);
        }
        if let Some(asked) = seen.stamped {
            tally.streams.get_or_insert_default().add(asked, seen.events, seen.left);
        }
        if let (Some(mark), Some(mcp)) = (&seen.mcp, &mut tally.mcp) {
            mcp.took(mark, completion.ended.since(if open { turn.intended } else { sent }));
        }
        // In a closed loop, the response time is the service time, and there is neither wait nor lag.
        if open {
            let response = completion.ended.since(turn.intended);
            let half = self.window_end.since(self.window_start).0 / 2;
            tally.halves[usize::from(turn.intended.since(self.window_start).0 >= half)].add(response);
            if let Some(block) = self.block {
                let number = turn.intended.since(self.window_start).0 / block.0;
                tally.blocks.entry(number).or_default().record(response);
            }
            tally.latencies.response.record(response);
            tally.latencies.connection_wait.record(sent.since(turn.released));
        }
    }

    /// Returns the outcome. A late request that the end of the drain cut off did not have its whole timeout, so it was in flight at
    /// the stop.
    fn outcome(&self, turn: &Turn, completion: &Completion) -> Outcome {
        let cut_off = turn.sent > self.window_end && completion.ended >= self.drain_until;
        if completion.outcome == Outcome::Timeout && cut_off { Outcome::InFlight } else { completion.outcome }
    }
}

#[cfg(test)]
mod tests;
