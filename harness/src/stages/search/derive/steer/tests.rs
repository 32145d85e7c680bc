//! Checks the steps of a search, and the ends that its probes give.

use super::Verdict::{Failed, Kept, Limited, Undecided};
use super::*;
use Purpose::{Bracket, Confirm, Refine};

const BOUNDS: Bounds = Bounds { low: 10.0, high: 1_000.0, start: 600.0, precision: 0.05, whole: false };

fn seen(all: &[(Purpose, f64, Verdict)]) -> Vec<Seen> {
    let excess = |verdict| match verdict {
        Kept => -3.0,
        Undecided => -0.1,
        Failed | Limited => 3.0,
    };
    let one = |(purpose, rate, verdict): &(Purpose, f64, Verdict)| {
        let (purpose, rate, verdict) = (*purpose, *rate, *verdict);
        Seen { purpose, rate, verdict, excess: excess(verdict), weight: 5.0 }
    };
    all.iter().map(one).collect()
}

fn after(all: &[(Purpose, f64, Verdict)]) -> Next {
    next(&BOUNDS, &seen(all), 5)
}

#[test]
fn a_search_stays_within_its_bounds_and_ends_there() {
    assert_eq!(after(&[]), Next::Probe(Bracket, 600.0));
    assert_eq!(after(&[(Bracket, 600.0, Kept)]), Next::Probe(Bracket, 840.0));
    let mut up = vec![(Bracket, 600.0, Kept), (Bracket, 840.0, Kept), (Bracket, 1_000.0, Kept)];
    assert_eq!(after(&up), Next::Probe(Refine, 1_000.0));
    up.push((Refine, 1_000.0, Kept));
    assert_eq!(after(&up), Next::Probe(Confirm, 1_000.0));
    up.push((Confirm, 1_000.0, Kept));
    assert_eq!(after(&up), Next::Done);
    let down = [(Bracket, 600.0, Failed), (Bracket, 10.0, Failed)];
    assert_eq!(after(&down), Next::Probe(Refine, 10.0));
    assert_eq!(after(&[(Refine, 10.0, Limited)]), Next::Done, "no lower rate is permitted");
}

#[test]
fn rates_on_one_side_move_away_faster_and_faster() {
    let Next::Probe(Bracket, rate) = after(&[(Bracket, 600.0, Failed), (Bracket, 400.0, Failed)]) else { panic!() };
    assert!((rate - 400.0 / 1.96).abs() < 1e-9, "{rate}");
}

#[test]
fn the_last_probe_is_the_confirmation() {
    let wide = seen(&[(Refine, 500.0, Kept), (Refine, 600.0, Failed)]);
    assert!(matches!(next(&BOUNDS, &wide, 2), Next::Probe(Refine, rate) if 500.0 < rate && rate < 600.0));
    assert_eq!(next(&BOUNDS, &wide, 1), Next::Probe(Confirm, 500.0));
    assert_eq!(next(&BOUNDS, &wide, 0), Next::Done);
}

#[test]
fn whole_numbers_end_next_to_each_other() {
    let bounds = Bounds { low: 1.0, high: 1_000.0, start: 10.0, precision: 0.01, whole: true };
    // The largest number that keeps the objective is 13.
    let (mut all, mut probes) = (Vec::new(), 0);
    while let Next::Probe(purpose, value) = next(&bounds, &seen(&all), 30) {
        assert!(value.fract() == 0.0 && value >= 1.0, "{value}");
        all.push((purpose, value, if value <= 13.0 { Kept } else { Failed }));
        probes += 1;
        assert!(probes < 15, "{all:?}");
    }
    assert_eq!(ends(&seen(&all)), Ends { low: Some(13.0), high: Some(14.0), confirmed: true });
}

#[test]
fn contradictions_are_between_the_ends() {
    let all = seen(&[(Refine, 400.0, Kept), (Refine, 500.0, Failed), (Refine, 550.0, Kept), (Refine, 600.0, Failed)]);
    assert_eq!(ends(&all), Ends { low: Some(400.0), high: Some(600.0), confirmed: false });
    let once = seen(&[(Bracket, 400.0, Kept), (Bracket, 600.0, Failed)]);
    assert_eq!(ends(&once), Ends::default(), "a probe of one instance is no end");
}

#[test]
fn a_confirmation_keeps_or_refutes_the_lower_end() {
    let with = |verdict| {
        ends(&seen(&[(Refine, 400.0, Kept), (Refine, 500.0, Kept), (Refine, 520.0, Failed), (Confirm, 500.0, verdict)]))
    };
    assert_eq!((with(Undecided).low, with(Undecided).confirmed), (Some(500.0), true), "its values keep it");
    assert_eq!((with(Failed).low, with(Failed).high, with(Failed).confirmed), (Some(400.0), Some(500.0), false));
}
