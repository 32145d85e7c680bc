//! Merges the seconds and slices of several generators as they arrive.

use std::collections::VecDeque;

use super::frames::{SecondDetail, SliceDetail};
use crate::facts::{Second, Slice};
use crate::latency::{LatencyHistogram, Quantiles};

/// The seconds and slices of one trial. Each generator sends its own in order.
#[derive(Debug)]
pub struct SecondsMerger {
    seconds: Rows<Second>,
    slices: Rows<Slice>,
    merged: Vec<Second>,
}

/// Parts that some generators have sent, and others have not.
#[derive(Debug)]
struct Rows<T> {
    /// By generator, how many parts it has sent.
    sent: Vec<usize>,
    /// How many rows are complete. They are dropped.
    complete: usize,
    open: VecDeque<Row<T>>,
}

#[derive(Debug)]
struct Row<T> {
    /// How many generators have not sent it.
    missing: usize,
    sum: T,
    response: LatencyHistogram,
}

impl SecondsMerger {
    /// Begins a trial of so many generators.
    pub fn new(nodes: usize) -> Self {
        Self { seconds: Rows::new(nodes), slices: Rows::new(nodes), merged: Vec::new() }
    }

    /// Adds the next second of a generator. Returns the second of all, if it was the last that was missing.
    pub fn feed(&mut self, node: usize, detail: SecondDetail) -> Option<Second> {
        let add = |sum: &mut Second, part: &Second| {
            sum.ok += part.ok;
            sum.errors += part.errors;
        };
        let (sum, response) = self.seconds.feed(node, detail.second, detail.response, add)?;
        let second = Second { response, ..sum };
        self.merged.push(second);
        Some(second)
    }

    /// Adds the next slice of a generator. Returns the slice of all, if it was the last that was missing.
    pub fn feed_slice(&mut self, node: usize, detail: SliceDetail) -> Option<Slice> {
        let add = |sum: &mut Slice, part: &Slice| sum.outcomes.merge(&part.outcomes);
        let (sum, response) = self.slices.feed(node, detail.slice, detail.response, add)?;
        Some(Slice { response, ..sum })
    }

    /// Returns the seconds that are complete, in order.
    pub fn into_seconds(self) -> Vec<Second> {
        self.merged
    }
}

impl<T> Rows<T> {
    fn new(nodes: usize) -> Self {
        Self { sent: vec![0; nodes], complete: 0, open: VecDeque::new() }
    }

    /// Adds the next part of a generator. Returns the sum of a row that is complete, and its quantiles.
    fn feed(
        &mut self,
        node: usize,
        part: T,
        response: LatencyHistogram,
        add: impl FnOnce(&mut T, &T),
    ) -> Option<(T, Option<Quantiles>)> {
        let nodes = self.sent.len();
        let sent = self.sent.get_mut(node)?;
        // A row is complete only when every generator has sent it.
        let place = *sent - self.complete;
        *sent += 1;
        match self.open.get_mut(place) {
            Some(row) => {
                add(&mut row.sum, &part);
                row.response.merge(&response);
                row.missing -= 1;
            }
            None => self.open.push_back(Row { missing: nodes - 1, sum: part, response }),
        }
        if self.open.front().is_none_or(|row| row.missing > 0) {
            return None;
        }
        self.complete += 1;
        self.open.pop_front().map(|row| (row.sum, row.response.quantiles()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::outcome::Outcomes;
    use harness_base::units::Nanos;

    fn coarse(spans: &[u64]) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::coarse();
        spans.iter().for_each(|span| histogram.record(Nanos(*span)));
        histogram
    }

    fn second(number: usize, spans: &[u64]) -> SecondDetail {
        let (ok, errors) = (spans.len() as u64, spans.len() as u64 / 3);
        let second = Second { from_s: number as f64, length_s: 1.0, ok, errors, response: None };
        SecondDetail { second, response: coarse(spans) }
    }

    /// Returns the detail as it arrives from another process.
    fn received(detail: &SecondDetail) -> SecondDetail {
        serde_json::from_str(&serde_json::to_string(detail).unwrap()).unwrap()
    }

    #[test]
    fn a_slice_is_complete_when_all_generators_have_sent_it() {
        let slice = |index, ok: u64| {
            let outcomes = Outcomes { ok, ..Outcomes::default() };
            let response = coarse(&vec![1_000_000; usize::try_from(ok).unwrap()]);
            SliceDetail { slice: Slice { index, outcomes, response: None }, response }
        };
        let mut merger = SecondsMerger::new(3);
        assert_eq!(merger.feed_slice(0, slice(0, 5)), None);
        assert_eq!(merger.feed_slice(0, slice(1, 1)), None, "ahead of the others");
        assert_eq!(merger.feed_slice(2, slice(0, 7)), None);
        assert_eq!(merger.feed_slice(7, slice(0, 1)), None, "no such generator");
        let whole = merger.feed_slice(1, slice(0, 0)).unwrap();
        assert_eq!((whole.index, whole.outcomes.ok, whole.response.map(|found| found.count)), (0, 12, Some(12)));
        assert_eq!(merger.feed_slice(1, slice(1, 2)), None);
        assert_eq!(merger.feed_slice(2, slice(1, 3)).unwrap().outcomes.ok, 6);
    }

    proptest! {
        #[test]
        fn merged_seconds_are_those_of_one_generator(
            seconds in prop::collection::vec(prop::collection::vec(1u64..10_000_000_000, 0..60), 1..6),
            nodes in 1usize..=64,
            late in 0usize..64,
        ) {
            // One generator sends all of its seconds at the end.
            let late = late % nodes;
            let mut merger = SecondsMerger::new(nodes);
            let of = |node: usize, spans: &[u64]| -> Vec<u64> {
                let own = spans.iter().enumerate().filter(|(place, _)| place % nodes == node);
                own.map(|(_, span)| *span).collect()
            };
            let mut merged = Vec::new();
            let (first, last): (Vec<usize>, Vec<usize>) = (0..nodes).partition(|node| *node != late);
            for nodes in [first, last] {
                for (number, spans) in seconds.iter().enumerate() {
                    for node in &nodes {
                        merged.extend(merger.feed(*node, received(&second(number, &of(*node, spans)))));
                    }
                }
            }
            let expected: Vec<Second> = seconds
                .iter()
                .enumerate()
                .map(|(number, spans)| {
                    let errors = (0..nodes).map(|node| of(node, spans).len() as u64 / 3).sum();
                    let alone = second(number, spans).second();
                    Second { errors, ..alone }
                })
                .collect();
            prop_assert_eq!(&merged, &expected);
            prop_assert_eq!(merger.into_seconds(), expected);
        }
    }
}
