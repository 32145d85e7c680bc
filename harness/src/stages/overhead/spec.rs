//! Reads `[stage.overhead]`.

use super::work::Work;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{self, CONNECTIONS, Defaults, Loop};
use crate::spec::Section;
use crate::work;
use harness_base::units::Nanos;

pub(crate) const KIND: Kind = Kind { place: Place::Stage(read), about: "loads both arms at the same arrival rate" };

/// Short trials, so that drift of the host affects both arms alike. The connections stay open, so 50 ms are enough to settle.
const DEFAULTS: Defaults = Defaults {
    arrivals: Loop::Open,
    vus: CONNECTIONS,
    rounds: 100,
    warmup: Nanos::from_millis(50),
    window: Nanos::from_millis(200),
};

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    common.read_limits(section, base);
    common.read_requests(section, base);
    common.check_arms(section);
    let load = load::read(section, &DEFAULTS, base.is_external(section));
    if common.upstream.is_none() && !section.describing() {
        let hint = "add [upstream.builtin], or measure with [stage.capacity]".to_owned();
        section.mistake("", "overhead is a difference to the upstream, and there is no [upstream]", Some(hint));
    }
    // A difference needs both arms.
    Work(work::load::LoadWork { paired: true, ..load }).into()
}
