//! Reads `[stage.connections]`.

use super::facts::Stage;
use super::work::Work;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{CONNECTIONS, Defaults, Loop, at_least};
use crate::spec::Section;
use crate::work;
use crate::work::load::PerConnection;
use harness_base::units::Nanos;

pub(crate) const KIND: Kind =
    Kind { place: Place::Stage(read), about: "opens connections that are closed after a number of requests" };

/// Windows of half a second see thousands of connections in a closed loop.
const DEFAULTS: Defaults = Defaults {
    arrivals: Loop::Either,
    vus: CONNECTIONS,
    rounds: 10,
    warmup: Nanos::from_millis(200),
    window: Nanos::from_millis(500),
};

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    let load = common.read_rounds(section, base, &DEFAULTS);
    let PerConnection { requests, resumption } = read_per_connection(section, base);
    let facts = Stage { requests_per_connection: requests, resumption };
    let per_connection = Some(PerConnection { requests, resumption });
    Work { load: work::load::LoadWork { per_connection, ..load }, facts }.into()
}

fn read_per_connection(section: &Section<'_>, base: &Base<'_>) -> PerConnection {
    let about = "requests that each connection carries before it is closed";
    let requests = section.field("requests_per_connection", about).check(at_least(1, "")).default(1);
    let about = "whether TLS resumes earlier sessions; false for full handshakes; default: as in [generator.tls]";
    let resumption: Option<bool> = section.field("resumption", about).optional();
    if base.target.endpoints.proxy.starts_with("https://") || section.describing() {
        return PerConnection { requests, resumption: Some(resumption.unwrap_or(base.generator.tls.resumption)) };
    }
    if resumption.is_some() {
        let hint = "leave it out, or make target.endpoints.proxy an https URL".to_owned();
        section.mistake("resumption", "is about TLS, which the endpoint proxy does not speak", Some(hint));
    }
    PerConnection { requests, resumption: None }
}
