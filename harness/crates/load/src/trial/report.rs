//! Combines what the users of a trial counted into its facts.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::Trial;
use crate::facts::{Halves, LoadFacts, StallTotal, Ticks};
use crate::latency::LatencyHistogram;
use crate::outcome::Outcomes;
use crate::tally::Mean;
use crate::watched::Watched;
use harness_base::units::Nanos;

/// Returns the means of both halves, if both have one.
fn halves([first, second]: [Mean; 2]) -> Option<Halves> {
    Some(Halves { first_ns: first.ns()?, second_ns: second.ns()? })
}

impl Trial {
    /// Returns the facts, without the seconds and the mean in flight. Must be called after every user has left.
    pub(crate) fn facts(&self) -> LoadFacts {
        let mut tally = self.tallies.merged();
        let mut scheduled = self.tallies.scheduled();
        let mut first_unsent = u64::MAX;
        if let Some(slots) = &self.slots {
            scheduled = slots.all - slots.before;
            let claimed = slots.claimed();
            tally.outcomes.unsent = scheduled - claimed;
            first_unsent = slots.before + claimed;
            tally.late += tally.outcomes.unsent;
        } else {
            tally.latencies.response = tally.latencies.service.clone();
        }
        let stalled = self.stalls.within(self.window_start, self.window_end);
        let without = if self.slots.is_some() { Nanos::ZERO } else { stalled };
        LoadFacts {
            window_start: self.window_start,
            window_ns: self.window_end.since(self.window_start).minus(without).0,
            scheduled,
            outcomes: tally.outcomes,
            outside: tally.outside,
            first_error_ns: tally.first_error.map(|at| at.since(self.window_start).0),
            completed_in_window: tally.completed_in_window,
            late: tally.late,
            blocks: self.blocks(tally.blocks),
            halves: halves(tally.halves),
            sent_total: tally.sent_total,
            reconnects: tally.reconnects,
            connections: tally.connections,
            stalls: self.heartbeat.is_known().then_some(StallTotal {
                span_ns: stalled.0,
                requests: tally.stalled,
                ended_after: tally.stalled_after,
                errors: tally.stalled_errors,
            }),
            mean_in_flight: 0.0,
            in_flight_samples: None,
            latencies: tally.latencies,
            events: tally.events,
            continued: tally.continued,
            mcp: tally.mcp,
            stdio: None,
            watched: tally
                .watched
                .map(|watched| Box::new(Watched { stalls: self.stalls.since(self.window_start), ..watched.sorted() })),
            streams: tally.streams,
            read_lag: tally.read_lags.facts(),
            seconds: Vec::new(),
            ticks: self.tick.map(|tick| self.ticks(tick, &tally.ticks, first_unsent)),
            first_release: self.first.lock().unwrap_or_else(PoisonError::into_inner).map(|(_, release)| release),
            examples: std::mem::take(&mut *self.examples.lock().unwrap_or_else(PoisonError::into_inner)),
            nodes: Vec::new(),
        }
    }

    /// Returns the blocks in which a request was due; all blocks for one generator of several, so that those of the others can be added.
    fn blocks(&self, mut counted: BTreeMap<u64, LatencyHistogram>) -> Vec<LatencyHistogram> {
        match self.block.filter(|_| self.stripe.is_some()) {
            Some(block) => {
                let number = self.window_end.since(self.window_start).0.div_ceil(block.0);
                (0..number).map(|number| counted.remove(&number).unwrap_or_default()).collect()
            }
            None => counted.into_values().collect(),
        }
    }

    /// Returns the ticks of the window. Slots from `first_unsent` on were never claimed.
    fn ticks(&self, tick: Nanos, counted: &BTreeMap<u64, Outcomes>, first_unsent: u64) -> Ticks {
        let number = self.window_end.since(self.window_start).0.div_ceil(tick.0);
        let mut outcomes: Vec<Outcomes> =
            (0..number).map(|number| counted.get(&number).copied().unwrap_or_default()).collect();
        if let Some(slots) = &self.slots {
            for slot in first_unsent..slots.all {
                let intended = self.start.after(slots.due(slot));
                let place = usize::try_from(intended.since(self.window_start).0 / tick.0).unwrap_or(usize::MAX);
                if let Some(outcomes) = outcomes.get_mut(place) {
                    outcomes.unsent += 1;
                }
            }
        }
        Ticks { length_ns: tick.0, outcomes }
    }
}
