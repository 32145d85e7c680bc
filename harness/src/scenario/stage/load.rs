//! Reads the load of a stage.

use std::ops::RangeInclusive;

use crate::spec::Section;
use crate::work::load::{FEWEST_ROUNDS, LoadWork, MANY_ROUNDS};
use harness_base::units::{Nanos, Rate};
use harness_load::pace::{Arrivals, Pace};

/// Default length of the window for the far quantiles.
const TAIL: Nanos = Nanos::from_secs(60);
/// Possible lengths of it.
const TAILS: RangeInclusive<Nanos> = Nanos::from_secs(10)..=Nanos::from_secs(3_600);

/// Number of connections, or of virtual users, unless a kind has another default.
pub(crate) const CONNECTIONS: u64 = 10;

/// Largest number of connections of one stage: below the ephemeral ports of one address.
pub(crate) const MOST_CONNECTIONS: u64 = 20_000;

pub(crate) fn at_least(least: u64, why: &'static str) -> impl FnOnce(&u64) -> Result<(), String> {
    move |n| if *n >= least { Ok(()) } else { Err(format!("must be at least {least}, is {n}{why}")) }
}

pub(crate) fn longer_than_0(span: &Nanos) -> Result<(), String> {
    if *span > Nanos::ZERO { Ok(()) } else { Err("must be longer than 0".to_owned()) }
}

/// How the requests of a kind arrive.
pub(crate) enum Loop {
    Open,
    Closed,
    /// Open if a `rate` is written, otherwise closed.
    Either,
}

/// Defaults of the load of a kind.
pub(crate) struct Defaults {
    pub(crate) arrivals: Loop,
    /// Virtual users of a closed loop.
    pub(crate) vus: u64,
    pub(crate) rounds: u64,
    pub(crate) warmup: Nanos,
    pub(crate) window: Nanos,
}

/// Reads the load of a stage with one arm; see [`read_paired`] for the other.
pub(crate) fn read(section: &Section<'_>, defaults: &Defaults, external: bool) -> LoadWork {
    let either = matches!(defaults.arrivals, Loop::Either);
    let open = matches!(defaults.arrivals, Loop::Open) || (either && section.has("rate"));
    let (pace, connections) = if open { read_open(section) } else { read_closed(section, defaults.vus) };
    if either && section.describing() {
        read_open(section);
    }
    read_rounds(section, defaults, external, (pace, connections))
}

/// Reads the rounds of a load whose pace is known.
pub(crate) fn read_rounds(
    section: &Section<'_>,
    defaults: &Defaults,
    external: bool,
    (pace, connections): (Pace, u64),
) -> LoadWork {
    let rounds = section
        .field("rounds", "number of valid rounds; each runs every arm once")
        .check(at_least(FEWEST_ROUNDS, ": fewer rounds have no 95 % interval"))
        .default(defaults.rounds);
    let about = "fresh starts of the target that share the rounds; default: 5 to 10 from 50 rounds on, so that launches take less than a \
                 quarter of the time, and 1 below";
    let instances = section.field("instances", about).check(at_least(1, "")).optional();
    if let Some(instances) = instances.filter(|instances| *instances > rounds) {
        section.mistake("instances", format!("{instances} instances cannot share {rounds} rounds"), None);
    }
    if external && instances.is_some_and(|instances| instances > 1) {
        section.mistake("instances", "harness cannot restart an external target", Some("leave it out".to_owned()));
    }
    let warmup = section.field("warmup", "discarded part of a trial").default(defaults.warmup);
    let window = section.field("window", "measured part of a trial").check(longer_than_0).default(defaults.window);
    let ramp = read_ramp(section, warmup, "the window must see the full load: lengthen warmup");
    check_window(section, pace, window);
    let describes_both = matches!(defaults.arrivals, Loop::Either) && section.describing();
    let is_open = matches!(pace, Pace::Open { .. });
    let tail = if is_open || describes_both { read_tail(section, rounds) } else { Nanos::ZERO };
    let load = LoadWork { rounds, ramp, tail, ..LoadWork::one_round(pace, connections, warmup, window) };
    let instances = instances.unwrap_or_else(|| if external { 1 } else { load.best_instances() });
    LoadWork { instances, ..load }
}

/// Reads the ramp, which must fit into the warm-up; `hint` says what to change if it does not.
pub(crate) fn read_ramp(section: &Section<'_>, warmup: Nanos, hint: &str) -> Nanos {
    let ramp = section.field("ramp", "time over which the load increases, within the warm-up").default(Nanos::ZERO);
    if ramp > warmup {
        let message = format!("{} is longer than the warm-up of {}", ramp.notation(), warmup.notation());
        section.mistake("ramp", message, Some(hint.to_owned()));
    }
    ramp
}

/// Reads the length of the window for the far quantiles. Many short rounds need one, because their instances live for seconds.
fn read_tail(section: &Section<'_>, rounds: u64) -> Nanos {
    let about = "length of a window on the last instance for p95 and beyond; 0s for none; default: 60s from 50 rounds on, 0s below";
    let range = |tail: &Nanos| {
        let fits = *tail == Nanos::ZERO || (TAILS.contains(tail));
        if fits { Ok(()) } else { Err(format!("must be 0s, or 10s to 1h, is {}", tail.notation())) }
    };
    section.field("tail_window", about).check(range).default(if rounds >= MANY_ROUNDS { TAIL } else { Nanos::ZERO })
}

/// Refuses a window in which no request arrives.
pub(crate) fn check_window(section: &Section<'_>, pace: Pace, window: Nanos) {
    if let Pace::Open { rate, .. } = pace
        && rate.0 * window.as_secs_f64() < 1.0
    {
        section.mistake("window", "is too short for a single request at this rate", Some("lengthen it".to_owned()));
    }
}

pub(crate) fn read_open(section: &Section<'_>) -> (Pace, u64) {
    let rate: Rate = section.field("rate", "arrival rate, the same on both arms").default(Rate(1000.0));
    let arrivals = read_arrivals(section);
    let connections = read_connections(section, "connections", "connections open at the same time", CONNECTIONS);
    (Pace::Open { rate, arrivals }, connections)
}

pub(crate) fn read_arrivals(section: &Section<'_>) -> Arrivals {
    let about = "spacing of the requests: jittered (at a random instant of each period), constant, or poisson";
    let words = Arrivals::ALL.map(Arrivals::word);
    let word = section.field("arrivals", about).one_of(&words).default(Arrivals::Jittered.word().to_owned());
    Arrivals::ALL.into_iter().find(|arrivals| arrivals.word() == word).unwrap_or(Arrivals::Jittered)
}

pub(crate) fn read_closed(section: &Section<'_>, default: u64) -> (Pace, u64) {
    let vus = read_connections(
        section,
        "vus",
        "number of virtual users, each of which sends again as soon as it is answered",
        default,
    );
    (Pace::Closed { vus }, vus)
}

pub(crate) fn read_connections(section: &Section<'_>, key: &'static str, about: &'static str, default: u64) -> u64 {
    let range = |n: &u64| {
        let fits = (1..=MOST_CONNECTIONS).contains(n);
        if fits { Ok(()) } else { Err(format!("must be 1 to {MOST_CONNECTIONS}, is {n}")) }
    };
    section.field(key, about).check(range).default(default)
}

/// Reads whether the direct arm runs too, which shows the ceiling of upstream and generator.
pub(crate) fn read_paired(section: &Section<'_>, has_upstream: bool, by_default: bool) -> bool {
    const ABOUT: &str = "whether the direct arm runs too, to show the maximum rate";
    if section.describing() {
        return section.field("paired", ABOUT).default(by_default);
    }
    let paired = section.field("paired", ABOUT).default(has_upstream && by_default);
    if paired && !has_upstream {
        section.mistake("paired", "there is no [upstream] for a direct arm", Some("leave it out".to_owned()));
    }
    paired
}
