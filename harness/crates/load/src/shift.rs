//! Moves instants from the clock of one host to that of another.

use super::frames::TrialOrder;
use crate::facts::LoadFacts;
use crate::streams::{Left, StreamEnd};
use harness_base::clock::Mono;

/// Moves every instant of an order by a span, negative for earlier.
pub fn shift_order(order: &mut TrialOrder, by_ns: i64) {
    order.start_at = shifted(order.start_at, by_ns);
    order.reconnect = order.reconnect.map(|(from, until)| (shifted(from, by_ns), shifted(until, by_ns)));
}

/// Moves every instant of a report by a span, negative for earlier. The delays of events cannot be moved: their stamps are of the clock of
/// the upstream, so they are meaningless on another host.
pub fn shift_facts(facts: &mut LoadFacts, by_ns: i64) {
    facts.window_start = shifted(facts.window_start, by_ns);
    let Some(streams) = &mut facts.streams else { return };
    for Left { at, .. } in &mut streams.left {
        *at = shifted(*at, by_ns);
    }
    for StreamEnd { sent, first, ended, .. } in &mut streams.ends {
        (*sent, *ended) = (shifted(*sent, by_ns), shifted(*ended, by_ns));
        *first = first.map(|first| shifted(first, by_ns));
    }
}

/// Returns the instant moved by a span, negative for earlier.
pub const fn shifted(at: Mono, by_ns: i64) -> Mono {
    Mono(at.0.saturating_add_signed(by_ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::streams::Streams;

    #[test]
    fn every_instant_of_a_report_moves() {
        let end = StreamEnd {
            stream: Some(1),
            sent: Mono(10),
            first: Some(Mono(20)),
            ended: Mono(30),
            outcome: Outcome::Ok,
            asked: 1,
            arrived: 1,
        };
        let left = vec![Left { stream: 1, at: Mono(25) }];
        let streams = Some(Box::new(Streams { left, ends: vec![end], ..Streams::default() }));
        let mut facts = LoadFacts { window_start: Mono(5), streams, ..LoadFacts::default() };
        shift_facts(&mut facts, 1_000);
        shift_facts(&mut facts, -995);
        let streams = facts.streams.unwrap();
        assert_eq!((facts.window_start, streams.left[0].at), (Mono(10), Mono(30)));
        let StreamEnd { sent, first, ended, .. } = streams.ends[0];
        assert_eq!((sent, first, ended), (Mono(15), Some(Mono(25)), Mono(35)));
    }
}
