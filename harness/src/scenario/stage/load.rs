//! Reading the load of a stage.

use super::{FEWEST_ROUNDS, LoadWork};
use crate::measure::record::StageKind;
use crate::spec::Section;
use harness_base::units::{Nanos, Rate};
use harness_load::spec::Pace;

/// Most connections of one stage: below the ephemeral ports of one address.
const MOST_CONNECTIONS: u64 = 20_000;

pub(super) fn at_least(least: u64, why: &'static str) -> impl FnOnce(&u64) -> Result<(), String> {
    move |n| if *n >= least { Ok(()) } else { Err(format!("must be at least {least}, is {n}{why}")) }
}

pub(super) fn longer_than_0(span: &Nanos) -> Result<(), String> {
    if *span > Nanos::ZERO { Ok(()) } else { Err("must be longer than 0".to_owned()) }
}

/// Reads the load of a stage. Overhead is an open loop and capacity a closed one; inside limits a `rate` makes it an open one.
pub(super) fn read(kind: StageKind, section: &Section<'_>, has_upstream: bool, external: bool) -> LoadWork {
    let overhead = kind == StageKind::Overhead;
    let either = matches!(kind, StageKind::Constrained | StageKind::Limits);
    let open = overhead || (either && section.has("rate"));
    let (pace, connections) = if open { read_open(section) } else { read_closed(section) };
    if either && section.describing() {
        read_open(section);
    }
    let rounds = section
        .field("rounds", "rounds that must be valid; every arm once in each")
        .check(at_least(FEWEST_ROUNDS, ": fewer rounds have no 95 % interval"))
        .default(if kind == StageKind::Limits { FEWEST_ROUNDS } else { 10 });
    let instances = section
        .field("instances", "fresh starts of the target that share the rounds")
        .check(at_least(1, ""))
        .default(1);
    if instances > rounds {
        section.mistake("instances", format!("{instances} instances cannot share {rounds} rounds"), None);
    }
    if external && instances > 1 {
        section.mistake("instances", "an external target is never started again", Some("leave it out".to_owned()));
    }
    let (warmup, window) = match kind {
        StageKind::Overhead => (300, 3000),
        StageKind::Limits => (300, 1000),
        _ => (500, 2000),
    };
    let warmup = section.field("warmup", "discarded part of a trial").default(Nanos::from_millis(warmup));
    let window =
        section.field("window", "measured part of a trial").check(longer_than_0).default(Nanos::from_millis(window));
    let ramp = section.field("ramp", "time over which the load comes up, within the warm-up").default(Nanos::ZERO);
    if ramp > warmup {
        let message = format!("{} is longer than the warm-up of {}", ramp.notation(), warmup.notation());
        section.mistake("ramp", message, Some("the window must see the full load: lengthen warmup".to_owned()));
    }
    if let Pace::Open { rate_per_second } = pace
        && rate_per_second * window.as_secs_f64() < 1.0
    {
        section.mistake("window", "is too short for a single request at this rate", Some("lengthen it".to_owned()));
    }
    LoadWork {
        instances,
        rounds,
        pace,
        connections,
        ramp,
        warmup,
        window,
        paired: read_paired(kind, section, has_upstream),
    }
}

pub(super) fn read_open(section: &Section<'_>) -> (Pace, u64) {
    let rate: Rate = section.field("rate", "arrival rate, the same on both arms").default(Rate(1000.0));
    let connections = read_connections(section, "connections", "connections kept open");
    (Pace::Open { rate_per_second: rate.0 }, connections)
}

pub(super) fn read_closed(section: &Section<'_>) -> (Pace, u64) {
    (Pace::Closed, read_connections(section, "vus", "virtual users: each sends again as soon as it was answered"))
}

pub(super) fn read_connections(section: &Section<'_>, key: &'static str, about: &'static str) -> u64 {
    let range = |n: &u64| {
        let fits = (1..=MOST_CONNECTIONS).contains(n);
        if fits { Ok(()) } else { Err(format!("must be 1 to {MOST_CONNECTIONS}, is {n}")) }
    };
    section.field(key, about).check(range).default(10)
}

/// Overhead is a difference, so it always has both arms; elsewhere the direct arm tells the ceiling of upstream and generator
/// and can be left out. The curve of limits goes without it unless asked.
fn read_paired(kind: StageKind, section: &Section<'_>, has_upstream: bool) -> bool {
    const ABOUT: &str = "whether the direct arm runs too and tells the ceiling";
    if kind == StageKind::Overhead {
        if !has_upstream && !section.describing() {
            let hint = "add [upstream.builtin], or measure with [stage.capacity]".to_owned();
            section.mistake("", "overhead is a difference to the upstream, and there is no [upstream]", Some(hint));
        }
        return true;
    }
    let by_itself = kind != StageKind::Limits;
    if section.describing() {
        return section.field("paired", ABOUT).default(by_itself);
    }
    let paired = section.field("paired", ABOUT).default(has_upstream && by_itself);
    if paired && !has_upstream {
        section.mistake("paired", "there is no [upstream] for a direct arm", Some("leave it out".to_owned()));
    }
    paired
}
