//! Reads `[stage.capacity]`.

use super::facts::Stage;
use super::work::Work;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{CONNECTIONS, Defaults, Loop};
use crate::spec::Section;
use crate::work;
use harness_base::units::Nanos;

pub(crate) const KIND: Kind = Kind { place: Place::Stage(read), about: "loads the target with users that never pause" };

const DEFAULTS: Defaults = Defaults {
    arrivals: Loop::Closed,
    vus: CONNECTIONS,
    rounds: 10,
    warmup: Nanos::from_millis(500),
    window: Nanos::from_millis(2000),
};

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    Work { load: common.read_rounds(section, base, &DEFAULTS), facts: Stage::default() }.into()
}
