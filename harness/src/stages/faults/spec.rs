//! Reads `[stage.faults]`.

use super::facts::{Expectation, FaultKind, Planned};
use super::work::Work;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{CONNECTIONS, longer_than_0, read_connections};
use crate::spec::Section;
use crate::work::{self, load::LoadWork};
use harness_base::units::{Nanos, Rate};
use harness_base::words::nearest;
use harness_load::pace::Pace;
use harness_load::spec::WireSpec;
use harness_rig::target::spec::{Launch, Network, Spec, Upstream};

pub(crate) const KIND: Kind = Kind {
    place: Place::Stage(read),
    about: "loads the target while upstream, clients or the target itself fail, one after another",
};

/// Load before the window, so that every connection has served a request when it begins.
const WARMUP: Nanos = Nanos::from_millis(200);

/// Largest number of slow readers: each needs a descriptor, and some hundred kilobytes of the kernel.
const MOST_READERS: u64 = 256;

/// Bounds of the streams that are open when the target is stopped.
const MOST_STREAMS: u64 = 1_000;
const SHORTEST_STREAM: Nanos = Nanos::from_millis(100);
const LONGEST_STREAM: Nanos = Nanos::from_secs(60);

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    common.read_limits(section, base);
    common.read_uncounted_requests(section, base);
    let work = read_faults(section, common, base.target);
    common.requests.iter_mut().for_each(|request| request.timeout = request.timeout.min(work.timeout));
    work.into()
}

/// Reads the load and the faults for a target with the upstream and the wire of the stage.
fn read_faults(section: &Section<'_>, common: &Common, target: &Spec) -> Work {
    let (upstream, wire) = (common.upstream.as_ref(), common.wire);
    let span = |key: &'static str, about: &'static str, default: Nanos| {
        section.field(key, about).check(longer_than_0).default(default)
    };
    let rate: Rate = section.field("rate", "arrival rate").default(Rate(200.0));
    let connections = read_connections(section, "connections", "connections kept open", CONNECTIONS);
    let before = span("before", "load before each fault", Nanos::from_secs(1));
    let fault = span("fault", "how long each fault lasts", Nanos::from_secs(1));
    let after = span("after", "load after each fault", Nanos::from_secs(3));
    let recover =
        span("recover", "time after a fault within which every request must be answered again", Nanos::from_secs(2));
    let timeout = span("timeout", "a request without a complete answer after this time hangs", Nanos::from_secs(1));
    let slow = span("slow", "delay of every answer of a slow upstream", Nanos::from_millis(300));
    let readers = section
        .field(
            "readers",
            "clients that send continuously and read very slowly, in addition to the connections of the load",
        )
        .check(|readers: &u64| {
            if (1..=MOST_READERS).contains(readers) {
                Ok(())
            } else {
                Err(format!("must be 1 to {MOST_READERS}, is {readers}"))
            }
        })
        .default(4);
    let (streams, stream) = read_streams(section);
    if recover >= after {
        let message =
            format!("{} is not shorter than the load after a fault, {}", recover.notation(), after.notation());
        section.mistake("recover", message, Some("lengthen after: it must show that all is answered again".to_owned()));
    }
    if slow >= timeout {
        let message = format!("{} is not shorter than the timeout, {}", slow.notation(), timeout.notation());
        section.mistake("slow", message, Some("every request would hang: lengthen timeout".to_owned()));
    }
    let kinds = read_kinds(section, upstream.is_some());
    let expect = read_expectations(section, &kinds);
    let planned = |kind: FaultKind| {
        let said = expect.iter().find(|(known, _)| *known == kind).map(|(_, expect)| *expect);
        Planned { kind, expect: said.unwrap_or(kind.expected()), skipped: impossible(kind, upstream, target, wire) }
    };
    let planned = kinds.into_iter().map(planned).collect();
    let load = LoadWork::one_round(Pace::constant(rate), connections, WARMUP, before.plus(fault).plus(after));
    Work { load, before, fault, after, recover, timeout, slow, readers, streams, stream, planned }
}

/// Reads how many streams are open when the target is stopped, and their length.
fn read_streams(section: &Section<'_>) -> (u64, Nanos) {
    let fits = |streams: &u64| {
        if (1..=MOST_STREAMS).contains(streams) {
            Ok(())
        } else {
            Err(format!("must be 1 to {MOST_STREAMS}, is {streams}"))
        }
    };
    let about = "streams that are open when the target is stopped, for stop_streams";
    let streams = section.field("streams", about).check(fits).default(20);
    let about = "mean length of these streams, which end at different times";
    let within = |stream: &Nanos| match (SHORTEST_STREAM..=LONGEST_STREAM).contains(stream) {
        true => Ok(()),
        false => {
            let (shortest, longest) = (SHORTEST_STREAM.notation(), LONGEST_STREAM.notation());
            Err(format!("must be {shortest} to {longest}, is {}", stream.notation()))
        }
    };
    (streams, section.field("stream", about).check(within).default(Nanos::from_secs(1)))
}

/// Reads the named faults; without names, all that are possible with this upstream.
fn read_kinds(section: &Section<'_>, has_upstream: bool) -> Vec<FaultKind> {
    let names: Option<Vec<String>> =
        section.field("faults", "faults to cause, for example [\"upstream_down\", \"stop\"]; default: all").optional();
    let Some(names) = names else {
        return FaultKind::ALL.into_iter().filter(|kind| has_upstream || !kind.needs_upstream()).collect();
    };
    if names.is_empty() {
        section.mistake("faults", "must name at least one; leave the key out for all", None);
    }
    let mut kinds = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let key = format!("faults.{index}");
        match FaultKind::ALL.into_iter().find(|kind| kind.name() == name) {
            Some(kind) if kinds.contains(&kind) => section.mistake(&key, format!("{name:?} is named twice"), None),
            Some(kind) => kinds.push(kind),
            None => {
                let known = || FaultKind::ALL.into_iter().map(FaultKind::name);
                let hint = nearest(name, known()).map(|near| format!("did you mean {near:?}?"));
                let hint = hint.unwrap_or_else(|| format!("there are {}", known().collect::<Vec<_>>().join(", ")));
                section.mistake(&key, format!("unknown fault {name:?}"), Some(hint));
            }
        }
    }
    kinds
}

/// Reads `expect`.
fn read_expectations(section: &Section<'_>, kinds: &[FaultKind]) -> Vec<(FaultKind, Expectation)> {
    const ABOUT: &str = "answers: no request is lost; errors: no request hangs or returns a success with a wrong body; errors_in_bodies: no request hangs";
    let table = section.table("expect", "expected behaviour of the target during each fault");
    let names = Expectation::ALL.map(Expectation::name);
    let mut said = Vec::new();
    for kind in FaultKind::ALL {
        let word = table.field(kind.name(), ABOUT).one_of(&names).optional();
        let expect = Expectation::ALL.into_iter().find(|expect| word.as_deref() == Some(expect.name()));
        if expect.is_some() && !kinds.contains(&kind) && !section.describing() {
            table.mistake(kind.name(), "is not in faults", Some("add it to faults".to_owned()));
        }
        said.extend(expect.map(|expect| (kind, expect)));
    }
    said
}

/// Returns why a fault cannot be caused here.
fn impossible(kind: FaultKind, upstream: Option<&Upstream>, target: &Spec, wire: Option<WireSpec>) -> Option<String> {
    if kind == FaultKind::StopStreams && !matches!(upstream, Some(Upstream::Builtin(_))) {
        return Some("only the bundled upstream says how its streams end: use [upstream.builtin]".to_owned());
    }
    if kind.is_upstreams() {
        return match upstream {
            Some(Upstream::Builtin(_)) => None,
            Some(_) => Some("only the bundled upstream fails on command: use [upstream.builtin]".to_owned()),
            None => Some("there is no upstream: add [upstream.builtin]".to_owned()),
        };
    }
    if kind == FaultKind::SlowReaders && target.endpoints.proxy.starts_with("https://") {
        return Some("slow readers do not speak TLS".to_owned());
    }
    if kind == FaultKind::SlowReaders && wire.is_some_and(WireSpec::is_http2) {
        return Some("slow readers do not speak HTTP/2".to_owned());
    }
    if kind == FaultKind::SlowReaders && target.endpoints.proxy.starts_with("unix:") {
        return Some("slow readers need a TCP port: a unix socket has no receive window to make small".to_owned());
    }
    match &target.launch {
        Launch::External(_) if kind.ends_target() => {
            Some("the target runs already, so harness cannot stop it: use [target.process]".to_owned())
        }
        Launch::Container(container) if kind == FaultKind::Restart && container.network == Network::Bridge => {
            Some("a container on a bridge has another address after a restart: use network = \"host\"".to_owned())
        }
        _ => None,
    }
}
