//! Reads `[stage.upload]`.

use super::facts::Stage;
use super::work::Work;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{Defaults, Loop};
use crate::spec::Section;
use crate::work;
use harness_base::units::Nanos;
use harness_load::spec::{Body, Request};

pub(crate) const KIND: Kind =
    Kind { place: Place::Stage(read), about: "transfers large bodies, of requests or of answers" };

/// One transfer at a time; a window of a second sees some of 100 MiB.
const DEFAULTS: Defaults = Defaults {
    arrivals: Loop::Closed,
    vus: 1,
    rounds: 10,
    warmup: Nanos::from_millis(300),
    window: Nanos::from_secs(1),
};

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    let load = common.read_rounds(section, base, &DEFAULTS);
    Work { load, facts: read_sizes(section, &common.requests) }.into()
}

/// Determines what is transferred: the streamed bodies of the requests, or else the answers, whose length is expected.
fn read_sizes(section: &Section<'_>, requests: &[Request]) -> Stage {
    let streamed = |request: &Request| match &request.body {
        Body::Streamed(body) => Some(body.size.0),
        Body::Empty | Body::Fixed(_) | Body::Template(_) | Body::Mcp(_) | Body::Echo(_) => None,
    };
    let facts = match common_size(requests, streamed) {
        Some(size) => Stage { upload_bytes: Some(size), download_bytes: None },
        None => Stage { upload_bytes: None, download_bytes: common_size(requests, |request| request.expect.length) },
    };
    if facts == Stage::default() && !requests.is_empty() && !section.describing() {
        let hint = "add stream = { size = \"100MiB\" } to the request, or expect = { length = 104_857_600 } to measure answers";
        section.mistake(
            "request",
            "has neither a streamed body nor an expected length, or several sizes",
            Some(hint.to_owned()),
        );
    }
    facts
}

/// Returns the size that all requests have.
fn common_size(requests: &[Request], of: impl Fn(&Request) -> Option<u64>) -> Option<u64> {
    let first = of(requests.first()?)?;
    requests.iter().all(|request| of(request) == Some(first)).then_some(first).filter(|size| *size > 0)
}
