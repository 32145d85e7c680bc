//! How the events of streams arrived compared with how they were written: delays, events that were read together, and events that are
//! missing, repeated or in another order.
//!
//! The bundled upstream stamps each event when it writes it, by the clock that all processes of a host share. An event arrives when the read
//! that returns its end has returned, so events whose ends are in one read arrive at the same instant.

mod ends;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::ends::StreamEnd;
use super::events::ReadEvents;
use super::stamp::Stamp;
use crate::latency::LatencyHistogram;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The events with stamps of the valid answers to requests of the window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Streams {
    /// Answers whose events are counted here, each of them one stream.
    pub streams: u64,
    /// Events that the upstream was asked to write.
    pub asked: u64,
    /// Events that arrived, however often.
    pub arrived: u64,
    /// Reads by the number of events whose ends they returned, in ascending order of that number. Reads without one are not counted.
    pub reads: Vec<Reads>,
    /// Events other than the last of their stream that arrived when the last had been written already. Streams whose last event is missing
    /// have none.
    pub after_last: u64,
    /// Events that were asked for and did not arrive.
    #[serde(default)]
    pub lost: u64,
    /// Arrivals of an event that had arrived before.
    #[serde(default)]
    pub repeated: u64,
    /// Events that arrived after one with a higher number.
    #[serde(default)]
    pub reordered: u64,
    /// Events without a stamp, of another stream than the first event of the answer, or with a number that was not asked for.
    #[serde(default)]
    pub foreign: u64,
    /// Arrival − written of the first event of each stream.
    pub first: LatencyHistogram,
    /// Arrival − written of every event, at its first arrival.
    pub delay: LatencyHistogram,
    /// Absolute difference between the time from one event to the next when they arrived and when they were written.
    pub distortion: LatencyHistogram,
    /// Streams that the generator left before their end; empty in a record, where `cancels` says what became of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Left>,
    /// Absent if all streams were read to their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancels: Option<Cancels>,
    /// Every stream that was asked for, also before the window, if the order says so; empty in a record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<StreamEnd>,
}

/// A stream that the generator left before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Left {
    /// Identifies it among the streams of the upstream.
    pub stream: u64,
    /// Just before the connection was closed.
    pub at: Mono,
}

/// When the upstream noticed that streams had been left.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cancels {
    /// From leaving a stream to the instant at which the upstream noticed it. One that it did not notice counts with the limit.
    pub times: LatencyHistogram,
    /// Streams whose end the upstream did not notice within the limit, or after it had written the last event.
    pub missed: u64,
    /// How long the upstream was watched after the last stream had been left, in nanoseconds.
    pub limit_ns: u64,
}

/// Reads that returned the ends of the same number of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reads {
    /// Events of each.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub events: u64,
    /// How many reads there were.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub count: u64,
}

impl Streams {
    /// Adds the events of one answer, of which `asked` were asked for. One that was `left` lacks only events before the last that arrived.
    pub(crate) fn add(&mut self, asked: u64, events: ReadEvents<'_>, left: Option<Mono>) {
        let ReadEvents { ends, stamps } = events;
        let asked = match left {
            Some(_) => {
                stamps.iter().flatten().map(|stamp| stamp.index + 1).filter(|end| *end <= asked).max().unwrap_or(0)
            }
            None => asked,
        };
        let first = stamps.iter().flatten().next();
        self.left.extend(left.zip(first).map(|(at, first)| Left { stream: first.stream, at }));
        self.streams += 1;
        self.asked += asked;
        for together in ends.chunk_by(|one, next| one == next) {
            self.add_reads(Reads { events: together.len() as u64, count: 1 });
        }
        let mut stream = Stream::new(asked, first.map(|stamp| stamp.stream));
        for (at, stamp) in ends.iter().zip(stamps) {
            self.arrived += 1;
            match stamp {
                Some(stamp) if stream.has(stamp) => self.arrive(&mut stream, *at, stamp),
                _ => self.foreign += 1,
            }
        }
        self.lost += asked - stream.distinct;
        if let Some(last) = stream.last {
            let others = stream.arrivals.iter().filter(|(index, at)| index + 1 < asked && *at >= last);
            self.after_last += others.count() as u64;
        }
    }

    /// Adds an event of the stream.
    fn arrive(&mut self, stream: &mut Stream, at: Mono, stamp: &Stamp) {
        if !stream.see(stamp.index) {
            self.repeated += 1;
            return;
        }
        if !stream.arrivals.is_empty() && stamp.index < stream.highest {
            self.reordered += 1;
        }
        stream.highest = stream.highest.max(stamp.index);
        let delay = at.since(stamp.written);
        self.delay.record(delay);
        if stamp.index == 0 {
            self.first.record(delay);
        }
        if let Some((before, arrived, written)) = stream.before
            && before + 1 == stamp.index
        {
            let (arrival, writing) = (at.since(arrived), stamp.written.since(written));
            self.distortion.record(arrival.minus(writing).max(writing.minus(arrival)));
        }
        stream.before = Some((stamp.index, at, stamp.written));
        if stamp.index + 1 == stream.asked {
            stream.last = Some(stamp.written);
        }
        stream.arrivals.push((stamp.index, at));
    }

    fn add_reads(&mut self, reads: Reads) {
        match self.reads.binary_search_by_key(&reads.events, |known| known.events) {
            Ok(place) => self.reads[place].count += reads.count,
            Err(place) => self.reads.insert(place, reads),
        }
    }

    /// Adds the events of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.streams += other.streams;
        self.asked += other.asked;
        self.arrived += other.arrived;
        other.reads.iter().for_each(|reads| self.add_reads(*reads));
        self.after_last += other.after_last;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.reordered += other.reordered;
        self.foreign += other.foreign;
        self.first.merge(&other.first);
        self.delay.merge(&other.delay);
        self.distortion.merge(&other.distortion);
        self.left.extend_from_slice(&other.left);
        self.ends.extend_from_slice(&other.ends);
        if let Some(more) = &other.cancels {
            let cancels = self.cancels.get_or_insert_default();
            cancels.times.merge(&more.times);
            cancels.missed += more.missed;
            cancels.limit_ns = cancels.limit_ns.max(more.limit_ns);
        }
    }

    /// Returns the streams that were left and are not among those whose end the upstream has `noticed`.
    pub fn unnoticed(&self, noticed: &BTreeMap<u64, Mono>) -> usize {
        self.left.iter().filter(|left| !noticed.contains_key(&left.stream)).count()
    }

    /// Replaces the streams that were left by the times after which the upstream `noticed` it. What it did not notice within `limit` counts
    /// with that.
    pub fn settle(&mut self, noticed: &BTreeMap<u64, Mono>, limit: Nanos) {
        let left = std::mem::take(&mut self.left);
        if left.is_empty() {
            return;
        }
        let cancels = self.cancels.get_or_insert_default();
        cancels.limit_ns = limit.0;
        for Left { stream, at } in left {
            let time = noticed.get(&stream).map(|noticed| noticed.since(at)).filter(|time| *time <= limit);
            cancels.missed += u64::from(time.is_none());
            cancels.times.record(time.unwrap_or(limit));
        }
    }

    /// Returns the number of reads that returned the end of an event.
    pub fn read_count(&self) -> u64 {
        self.reads.iter().map(|reads| reads.count).sum()
    }

    /// Returns the mean number of events in a read; `None` without a read.
    pub fn events_per_read(&self) -> Option<f64> {
        let reads = self.read_count();
        (reads > 0).then(|| self.arrived as f64 / reads as f64)
    }

    /// Returns the number of events in the middle read, the lower one of two; `None` without a read.
    pub fn median_per_read(&self) -> Option<u64> {
        let half = self.read_count().div_ceil(2);
        let mut below = 0;
        let middle = self.reads.iter().find(|reads| {
            below += reads.count;
            below >= half
        });
        middle.map(|reads| reads.events)
    }

    /// Returns the largest number of events in one read; 0 without a read.
    pub fn most_per_read(&self) -> u64 {
        self.reads.last().map_or(0, |reads| reads.events)
    }

    /// Returns the share (0 to 1) of the events other than the last of their stream that arrived when the last had been written; `None`
    /// if there are no others.
    pub fn buffered_share(&self) -> Option<f64> {
        let others = self.asked.saturating_sub(self.streams);
        (others > 0).then(|| self.after_last as f64 / others as f64)
    }

    /// Returns how many events are missing, repeated, in another order, or not of the stream.
    pub const fn wrong(&self) -> u64 {
        self.lost + self.repeated + self.reordered + self.foreign
    }
}

/// The events of one stream that have arrived.
struct Stream {
    id: Option<u64>,
    asked: u64,
    seen: Vec<bool>,
    distinct: u64,
    highest: u64,
    /// Number, arrival and writing of the event before.
    before: Option<(u64, Mono, Mono)>,
    /// Numbers and arrivals, in the order of arrival.
    arrivals: Vec<(u64, Mono)>,
    /// When the last event was written.
    last: Option<Mono>,
}

impl Stream {
    fn new(asked: u64, id: Option<u64>) -> Self {
        let seen = vec![false; usize::try_from(asked).unwrap_or_default()];
        Self { id, asked, seen, distinct: 0, highest: 0, before: None, arrivals: Vec::new(), last: None }
    }

    /// Returns whether the stamp is one of this stream.
    fn has(&self, stamp: &Stamp) -> bool {
        self.id == Some(stamp.stream) && stamp.index < self.asked
    }

    /// Returns whether the event with this number had not arrived before.
    fn see(&mut self, index: u64) -> bool {
        let place = usize::try_from(index).ok().and_then(|index| self.seen.get_mut(index));
        let is_new = place.is_some_and(|seen| !std::mem::replace(seen, true));
        self.distinct += u64::from(is_new);
        is_new
    }
}

#[cfg(test)]
mod tests;
