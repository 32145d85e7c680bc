//! Reads `[stage.streaming]`.

use super::facts::{Passing, Stage};
use super::work::{Work, asked, length};
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{CONNECTIONS, Defaults, Loop, longer_than_0};
use crate::spec::Section;
use crate::work;
use crate::work::load::LoadWork;
use harness_base::units::{Bytes, Nanos};
use harness_rig::target::spec::Upstream;

pub(crate) const KIND: Kind = Kind {
    place: Place::Stage(read),
    about: "reads streams of events, and compares how they arrive with how they were written",
};

/// Rounds, and the instances that share them.
const ROUNDS: u64 = 10;
const INSTANCES: u64 = 5;

/// Bounds of a stream. One event has no order, and the times of more are not kept.
const EVENTS: std::ops::RangeInclusive<u64> = 2..=100_000;
const LARGEST: Bytes = Bytes(1 << 20);
const LONGEST: Nanos = Nanos::from_secs(300);
const SHORTEST_WINDOW: Nanos = Nanos::from_millis(400);

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    common.read_limits(section, base);
    common.read_requests(section, base);
    let facts = read_stream(section);
    let load = read_load(section, base, common, &facts);
    if !matches!(common.upstream, Some(Upstream::Builtin(_))) && !section.describing() {
        let hint = "add [upstream.builtin]".to_owned();
        section.mistake("", "needs the bundled upstream, which writes into each event when it was written", Some(hint));
    }
    common.requests.iter_mut().for_each(|request| asked(&facts).ask(request));
    Work { load, facts }.into()
}

fn read_stream(section: &Section<'_>) -> Stage {
    let about = "events of each stream";
    let range = |events: &u64| {
        let fits = EVENTS.contains(events);
        if fits { Ok(()) } else { Err(format!("must be {} to {}, is {events}", EVENTS.start(), EVENTS.end())) }
    };
    let events = section.field("events", about).check(range).default(40);
    let about = "mean time from one event to the next; each is drawn from half to one and a half of it";
    let interval = section.field("interval", about).check(longer_than_0).default(Nanos::from_millis(5));
    let about = "mean size of the text of an event; each is drawn from half to one and a half of it";
    let fits = |size: &Bytes| {
        if *size <= LARGEST { Ok(()) } else { Err(format!("must be at most {}, is {}", LARGEST, size.notation())) }
    };
    let size: Bytes = section.field("size", about).check(fits).default(Bytes(64));
    let about = "how the target must pass streams on: streams, coalesces or buffers; worse than that is a block";
    let words = Passing::ALL.map(Passing::word);
    let expect: Option<String> = section.field("expect", about).one_of(&words).optional();
    let expect = expect.and_then(|word| Passing::ALL.into_iter().find(|passing| passing.word() == word));
    let about =
        "events after which the generator closes the connection, to see when the upstream notices it; default: none";
    let inside = |after: &u64| {
        if (1..events).contains(after) { Ok(()) } else { Err(format!("must be 1 to {}, is {after}", events - 1)) }
    };
    let leave_after = section.field("leave_after", about).check(inside).optional();
    let facts = Stage { events, interval_ns: interval.0, size_bytes: size.0, leave_after, expect };
    if length(&facts) > LONGEST {
        let message = format!("makes streams of {}, longer than {}", length(&facts).notation(), LONGEST.notation());
        section.mistake("interval", message, Some("shorten interval, or set fewer events".to_owned()));
    }
    facts
}

/// Reads the load. By default the users join over the length of a stream, so that their streams do not run in step.
fn read_load(section: &Section<'_>, base: &Base<'_>, common: &Common, facts: &Stage) -> LoadWork {
    let stream = length(facts);
    let defaults = Defaults {
        arrivals: Loop::Closed,
        vus: CONNECTIONS,
        rounds: ROUNDS,
        warmup: stream,
        window: stream.max(SHORTEST_WINDOW),
    };
    let mut load = common.read_arms(section, base, &defaults);
    if !load.paired && section.has("paired") {
        let hint = "leave `paired` out".to_owned();
        section.mistake("paired", "the direct arm shows what upstream and generator add to each event", Some(hint));
    }
    if !section.has("ramp") {
        load.ramp = load.warmup.min(stream);
    }
    if !section.has("instances") && !base.is_external(section) {
        load.instances = INSTANCES.min(load.rounds);
    }
    if load.window < stream && !section.describing() {
        let message = format!("is shorter than a stream, which takes {}", stream.notation());
        section.mistake(
            "window",
            message,
            Some("a window counts the streams that begin in it: lengthen it".to_owned()),
        );
    }
    load
}
