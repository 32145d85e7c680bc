use super::*;

const MS: u64 = 1_000_000;

/// Returns the streams of one answer whose events, given by number and arrival in ms, were written every 10 ms from 100 ms on.
fn answer(asked: u64, arrivals: &[(u64, u64)]) -> Streams {
    let stamp = |index| Some(Stamp { stream: 7, index, written: Mono((100 + 10 * index) * MS) });
    add(asked, &arrivals.iter().map(|(index, at)| (stamp(*index), *at)).collect::<Vec<_>>())
}

fn add(asked: u64, events: &[(Option<Stamp>, u64)]) -> Streams {
    let ends: Vec<Mono> = events.iter().map(|(_, at)| Mono(at * MS)).collect();
    let stamps: Vec<Option<Stamp>> = events.iter().map(|(stamp, _)| *stamp).collect();
    let mut streams = Streams::default();
    streams.add(asked, ReadEvents { ends: &ends, stamps: &stamps }, None);
    streams
}

fn ms(histogram: &LatencyHistogram, q: f64) -> u64 {
    histogram.quantile(q).unwrap().0.div_ceil(MS / 2) / 2
}

#[test]
fn events_that_pass_one_by_one_have_their_delay_and_no_distortion() {
    let passed = answer(4, &[(0, 101), (1, 111), (2, 121), (3, 131)]);
    assert_eq!((passed.streams, passed.asked, passed.arrived, passed.wrong()), (1, 4, 4, 0));
    assert_eq!(passed.reads, [Reads { events: 1, count: 4 }]);
    assert_eq!((passed.events_per_read(), passed.buffered_share()), (Some(1.0), Some(0.0)));
    assert_eq!((passed.delay.count(), passed.first.count(), passed.distortion.count()), (4, 1, 3));
    assert_eq!((ms(&passed.delay, 0.5), ms(&passed.first, 1.0)), (1, 1));
    // A histogram holds at least 1 ns.
    assert_eq!(passed.distortion.max(), Some(Nanos(1)));
}

#[test]
fn groups_are_counted_and_the_first_of_a_group_waits_for_its_last() {
    let grouped = answer(4, &[(0, 111), (1, 111), (2, 131), (3, 131)]);
    assert_eq!(grouped.reads, [Reads { events: 2, count: 2 }]);
    assert_eq!(
        (grouped.events_per_read(), grouped.median_per_read(), grouped.most_per_read()),
        (Some(2.0), Some(2), 2)
    );
    // 11, 1, 11 and 1 ms; the gaps are 0, 20 and 0 instead of 10.
    assert_eq!((ms(&grouped.delay, 0.5), ms(&grouped.delay, 1.0), ms(&grouped.first, 1.0)), (1, 11, 11));
    assert_eq!((ms(&grouped.distortion, 0.01), ms(&grouped.distortion, 1.0)), (10, 10));
    // The last event was written at 130 ms; event 2 came at 131.
    assert_eq!((grouped.after_last, grouped.buffered_share()), (1, Some(1.0 / 3.0)));
}

#[test]
fn a_buffered_stream_arrives_after_its_last_event_was_written() {
    let held = answer(4, &[(0, 131), (1, 131), (2, 131), (3, 131)]);
    assert_eq!(held.reads, [Reads { events: 4, count: 1 }]);
    assert_eq!((held.after_last, held.buffered_share()), (3, Some(1.0)));
}

#[test]
fn lost_repeated_and_reordered_events_are_counted_exactly() {
    let found = answer(6, &[(0, 101), (2, 121), (1, 122), (3, 131), (3, 132), (5, 151)]);
    assert_eq!((found.lost, found.repeated, found.reordered, found.foreign), (1, 1, 1, 0));
    assert_eq!((found.arrived, found.delay.count()), (6, 5));
    // Only 0 and 1, 1 and 2 … are neighbours: none of 0→2, 2→1, 1→3, 3→5.
    assert_eq!(found.distortion.count(), 0);
    let cut = answer(6, &[(0, 101), (1, 111)]);
    assert_eq!((cut.lost, cut.after_last), (4, 0));
}

#[test]
fn events_of_other_streams_and_without_a_stamp_are_foreign() {
    let stamp = |stream, index| Some(Stamp { stream, index, written: Mono(0) });
    let found = add(3, &[(stamp(1, 0), 1), (None, 2), (stamp(2, 1), 3), (stamp(1, 9), 4), (stamp(1, 2), 5)]);
    assert_eq!((found.foreign, found.lost, found.arrived), (3, 1, 5));
    let none = add(2, &[]);
    assert_eq!((none.lost, none.events_per_read(), none.median_per_read()), (2, None, None));
}

#[test]
fn merging_adds_everything() {
    let (one, other) = (answer(4, &[(0, 111), (1, 111), (2, 131), (3, 131)]), answer(3, &[(0, 101), (2, 121)]));
    let mut sum = one.clone();
    sum.merge(&other);
    assert_eq!(sum.reads, [Reads { events: 1, count: 2 }, Reads { events: 2, count: 2 }]);
    assert_eq!((sum.streams, sum.asked, sum.arrived, sum.lost), (2, 7, 6, 1));
    assert_eq!(sum.delay.count(), one.delay.count() + other.delay.count());
}

#[test]
fn a_stream_that_was_left_lacks_nothing_after_its_last_event_and_is_settled_once() {
    let stamp = |index| Some(Stamp { stream: 7, index, written: Mono(index) });
    let (ends, stamps) = ([Mono(10), Mono(20), Mono(20)], [stamp(0), stamp(2), stamp(3)]);
    let mut streams = Streams::default();
    streams.add(40, ReadEvents { ends: &ends, stamps: &stamps }, Some(Mono(5 * MS)));
    streams.add(40, ReadEvents { ends: &ends, stamps: &stamps }, Some(Mono(6 * MS)));
    streams.left[1].stream = 8;
    assert_eq!((streams.asked, streams.lost, streams.left.len()), (8, 2, 2));
    let noticed = BTreeMap::from([(7, Mono(8 * MS)), (99, Mono(0))]);
    assert_eq!(streams.unnoticed(&noticed), 1);
    streams.settle(&noticed, Nanos::from_millis(300));
    let cancels = streams.cancels.clone().unwrap();
    assert_eq!((cancels.missed, cancels.times.count(), streams.left.len()), (1, 2, 0));
    assert_eq!((ms(&cancels.times, 0.5), ms(&cancels.times, 1.0)), (3, 300));
    let before = streams.clone();
    streams.settle(&noticed, Nanos::from_millis(300));
    assert_eq!(streams, before);
}
