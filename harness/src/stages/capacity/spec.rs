//! Reads `[stage.capacity]`.

use super::work::Work;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{self, Defaults, Loop};
use crate::spec::Section;
use crate::work;
use harness_base::units::Nanos;

pub(crate) const KIND: Kind = Kind { place: Place::Stage(read), about: "loads the target with users that never pause" };

const DEFAULTS: Defaults =
    Defaults { arrivals: Loop::Closed, rounds: 10, warmup: Nanos::from_millis(500), window: Nanos::from_millis(2000) };

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    common.read_limits(section, base);
    common.read_requests(section, base);
    let load = load::read(section, &DEFAULTS, base.is_external(section));
    let paired = load::read_paired(section, common.upstream.is_some(), true);
    Work(work::load::LoadWork { paired, ..load }).into()
}
