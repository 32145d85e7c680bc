//! Reads `[stage.reload]`.

use super::work::{Act, Place, Rewrite, Signal, Trigger, Work};
use crate::scenario::request::{check_headers, check_path};
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind;
use crate::scenario::stage::load::{at_least, longer_than_0, read_connections};
use crate::spec::Section;
use crate::work::{self, load::LoadWork};
use harness_base::units::{Nanos, Rate};
use harness_load::pace::Pace;
use harness_load::spec::Watch;
use harness_rig::probe::Call;
use harness_rig::target::spec::{Launch, Spec};

pub(crate) const KIND: kind::Kind = kind::Kind {
    place: kind::Place::Stage(read),
    about: "reloads the target under load, and finds when its connections see the new behaviour",
};

/// Load before the window, so that every connection has been asked when it begins.
const WARMUP: Nanos = Nanos::from_millis(200);

/// Few connections at a high rate: each is asked every 2 ms, which is how exactly a time is known.
const CONNECTIONS: u64 = 4;
const RATE: Rate = Rate(2000.0);

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    common.read_limits(section, base);
    common.read_uncounted_requests(section, base);
    let span = |key: &'static str, about: &'static str, default: Nanos| {
        section.field(key, about).check(longer_than_0).default(default)
    };
    let rate: Rate =
        section.field("rate", "arrival rate; with the connections it is how exactly a time is known").default(RATE);
    let connections = read_connections(section, "connections", "connections kept open", CONNECTIONS);
    let count = |key, about, default| section.field(key, about).check(at_least(1, "")).default(default);
    let instances = count("instances", "fresh starts of the target, one value each from five on", 5);
    let reloads = count("reloads", "reloads of each instance", 4);
    let before = span("before", "load before the first reload", Nanos::from_millis(300));
    let every = span(
        "every",
        "time from one reload to the next, within which every connection must see it",
        Nanos::from_millis(500),
    );
    let trigger = read_trigger(&section.table("trigger", "what makes the target reload"), base.target);
    let watch = read_watch(&section.table("observe", "the value of an answer that changes"));
    common.requests.iter_mut().for_each(|request| request.expect.watch = Some(watch.clone()));
    if base.is_external(section) && instances > 1 {
        section.mistake("instances", "harness cannot restart an external target", Some("set it to 1".to_owned()));
    }
    let window = Work::window(before, every, reloads);
    let load = LoadWork { instances, ..LoadWork::one_round(Pace::constant(rate), connections, WARMUP, window) };
    Work { load, before, every, reloads, trigger, watch }.into()
}

fn read_trigger(section: &Section<'_>, target: &Spec) -> Trigger {
    let signals = Signal::ALL.map(Signal::word);
    let about = "signal to the process that harness started, or to the first one of the container: HUP, USR1 or USR2";
    let signal: Option<String> = section.field("signal", about).one_of(&signals).optional();
    let path: Option<String> =
        section.field("path", "path of a request that makes it reload").check(check_path).optional();
    let method = section.field("method", "method of the request").default("POST".to_owned());
    let places = Place::ALL.map(Place::word);
    let about = "endpoint of the target that the request goes to: proxy, health or ready";
    let place: String = section.field("endpoint", about).one_of(&places).default(Place::Health.word().to_owned());
    let headers = section.field("headers", "header fields of the request").default(Vec::new());
    let body = section.field("body", "body of the request").default(String::new());
    let rewrite = read_rewrite(section, target);
    if !section.describing() && (rewrite.is_none() || (section.has("signal") && section.has("path"))) {
        section.exactly_one(&["signal", "path"]);
    }
    if signal.is_some() && !is_started(target) && !section.describing() {
        let hint = "start the target with [target.process] or [target.container], or trigger the reload with a request";
        section.mistake("signal", "only a target that harness starts can be signalled", Some(hint.to_owned()));
    }
    let place = Place::ALL.into_iter().find(|known| known.word() == place).unwrap_or(Place::Health);
    if let Some(path) = path {
        let has = match place {
            Place::Proxy => true,
            Place::Health => target.endpoints.health.is_some(),
            Place::Ready => target.endpoints.ready.is_some(),
        };
        if !has {
            let message = format!("[target.endpoints] has no {}", place.word());
            section.mistake("endpoint", message, Some("set endpoint = \"proxy\"".to_owned()));
        }
        let act = Some(Act::Request { call: Call { method, headers, body }, path, place });
        return Trigger { rewrite, act };
    }
    let signal = Signal::ALL.into_iter().find(|known| signal.as_deref() == Some(known.word()));
    Trigger { rewrite, act: signal.map(Act::Signal) }
}

/// Returns whether harness starts the target as a server.
const fn is_started(target: &Spec) -> bool {
    matches!(target.launch, Launch::Process(_) | Launch::Container(_))
}

/// Reads the file to rewrite. It and the one that it is rewritten from are rendered at the launch, like all files of the target.
fn read_rewrite(section: &Section<'_>, target: &Spec) -> Option<Rewrite> {
    let about = "file of [target.files] that is rewritten before the signal or the request, or alone";
    let file: Option<String> = section.field("rewrite", about).optional();
    let about = "file of [target.files] whose content it gets; the next reload restores its own";
    let from: Option<String> = section.field("from", about).optional();
    if section.describing() || (file.is_none() && from.is_none()) {
        return None;
    }
    let known = |name: &str| target.files.iter().any(|(known, _)| known == name);
    for (key, name) in [("rewrite", &file), ("from", &from)] {
        match name {
            None => section.mistake(key, "is missing", Some("rewrite needs from, and from needs rewrite".to_owned())),
            Some(name) if !known(name) => {
                let hint = format!("add \"{name}\" = \"conf/{name}\" to [target.files]");
                section.mistake(key, format!("{name:?} is not in [target.files]"), Some(hint));
            }
            Some(_) => {}
        }
    }
    if !is_started(target) {
        section.mistake("rewrite", "only the files of a target that harness starts can be rewritten", None);
    }
    file.zip(from).map(|(file, from)| Rewrite { file, from })
}

fn read_watch(section: &Section<'_>) -> Watch {
    let header: Option<String> = section.field("header", "header field, for example \"x-version\"").optional();
    let pointer = |pointer: &String| {
        if pointer.starts_with('/') {
            Ok(())
        } else {
            Err(format!("{pointer:?} is not a JSON pointer: it must start with /"))
        }
    };
    let json: Option<String> =
        section.field("json", "JSON pointer of the body, for example \"/version\"").check(pointer).optional();
    if !section.describing() {
        section.exactly_one(&["header", "json"]);
    }
    if let Some(name) = &header {
        check_headers(section, "header", &[(name.clone(), String::new())]);
    }
    header.map(Watch::Header).or(json.map(Watch::Pointer)).unwrap_or_else(|| Watch::Header("x-version".to_owned()))
}
