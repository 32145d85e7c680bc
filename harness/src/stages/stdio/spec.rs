//! Reads `[stage.stdio]`.

use super::work::Work;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{self, Defaults, Loop};
use crate::spec::Section;
use crate::work;
use crate::work::load::LoadWork;
use harness_base::units::{Nanos, Rate};
use harness_load::mcp::workload::Revision;
use harness_load::pace::Pace;
use harness_load::spec::{Body, Request};

pub(crate) const KIND: Kind =
    Kind { place: Place::Stage(read), about: "measures a shim between stdin and stdout beside the server alone" };

/// The messages that can be under way at the same time.
const IN_FLIGHT: u64 = 32;

/// Short trials, as those of stage `overhead`, because both measure a difference. The pipes stay open.
const DEFAULTS: Defaults = Defaults {
    arrivals: Loop::Open,
    vus: IN_FLIGHT,
    rounds: 100,
    warmup: Nanos::from_millis(50),
    window: Nanos::from_millis(200),
};

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    if !section.describing() && base.stdio(section).is_none() {
        let hint = "write [target.stdio] with command = [\"SHIM\", \"--\", \"{server}\"]".to_owned();
        section.mistake("", "measures a shim between pipes, and the target is none", Some(hint));
    }
    common.read_messages(section, base);
    common.read_limits(section, base);
    let about = "whether each answer is followed by the next message at once, instead of sending at a rate";
    let closed = section.field("closed", about).default(false);
    let about = "messages that can be under way at the same time; with closed, the number that always are";
    let in_flight = load::read_connections(section, "in_flight", about, IN_FLIGHT);
    let pace = if closed { Pace::Closed { vus: in_flight } } else { read_rate(section) };
    if closed {
        section.refuse("rate", "is not sent at in a closed loop", "leave rate or closed out");
    }
    let load = load::read_rounds(section, &DEFAULTS, false, (pace, in_flight));
    Work { load: LoadWork { paired: true, ..load }, revision: revision(&common.requests) }.into()
}

fn read_rate(section: &Section<'_>) -> Pace {
    let rate: Rate = section.field("rate", "arrival rate of messages, the same on both arms").default(Rate(1000.0));
    Pace::Open { rate, arrivals: load::read_arrivals(section) }
}

fn revision(requests: &[Request]) -> Revision {
    let of = |request: &Request| match &request.body {
        Body::Mcp(workload) => Some(workload.revision),
        Body::Empty | Body::Fixed(_) | Body::Template(_) | Body::Streamed(_) | Body::Echo(_) => None,
    };
    requests.iter().find_map(of).unwrap_or_default()
}
