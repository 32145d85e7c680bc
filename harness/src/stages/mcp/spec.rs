//! Reads `[stage.mcp]`.

use super::work::Work;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{CONNECTIONS, Defaults, Loop, MOST_CONNECTIONS};
use crate::spec::Section;
use crate::work;
use harness_base::units::Nanos;
use harness_load::mcp::workload::Revision;
use harness_load::spec::{Body, Request, WireSpec};

pub(crate) const KIND: Kind =
    Kind { place: Place::Stage(read), about: "loads both arms with agents that speak the Model Context Protocol" };

/// Short trials, as those of stage `overhead`, because both measure a difference.
const DEFAULTS: Defaults = Defaults {
    arrivals: Loop::Either,
    vus: CONNECTIONS,
    rounds: 100,
    warmup: Nanos::from_millis(50),
    window: Nanos::from_millis(200),
};

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    common.read_limits(section, base);
    common.read_workload(section, base);
    let load = common.read_arms(section, base, &DEFAULTS);
    let lanes = common.requests.iter().map(Request::lanes).max().unwrap_or(1);
    if load.connections.saturating_mul(lanes) > MOST_CONNECTIONS && !section.describing() {
        let key = if section.has("connections") { "connections" } else { "vus" };
        let message = format!(
            "{} agents with up to {lanes} calls at the same time need more than {MOST_CONNECTIONS} connections",
            load.connections
        );
        section.mistake(key, message, Some("lower it, or the burst of the workload".to_owned()));
    }
    if common.wire.is_some_and(WireSpec::is_http2) && common.requests.iter().any(listens) && !section.describing() {
        let hint = "leave `listen` out for this stage, or speak HTTP/1.1".to_owned();
        section.mistake("wire", "agents open the streams of `listen` over HTTP/1.1 only", Some(hint));
    }
    Work { load, revision: revision(&common.requests) }.into()
}

/// Returns whether agents hold a stream open beside their requests.
fn listens(request: &Request) -> bool {
    matches!(&request.body, Body::Mcp(workload) if workload.listen.0 > 0.0)
}

fn revision(requests: &[Request]) -> Revision {
    let of = |request: &Request| match &request.body {
        Body::Mcp(workload) => Some(workload.revision),
        Body::Empty | Body::Fixed(_) | Body::Template(_) | Body::Streamed(_) | Body::Echo(_) => None,
    };
    requests.iter().find_map(of).unwrap_or_default()
}
