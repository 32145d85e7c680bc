//! Reads `[stage.idle]`.

use super::work::Work;
use crate::scenario::stage::base::{Base, Common, read_launches};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::longer_than_0;
use crate::spec::Section;
use crate::work;
use harness_base::units::Nanos;

pub(crate) const KIND: Kind = Kind { place: Place::Stage(read), about: "observes the target without traffic" };

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    common.read_limits(section, base);
    let external = base.is_external(section);
    let launches = read_launches(section, if external { 1 } else { 8 });
    if external && launches > 1 {
        section.mistake("launches", "harness cannot start an external target", Some("leave it out".to_owned()));
    }
    let settle = section.field("settle", "time between ready and the window").default(Nanos::from_secs(1));
    let window = section.field("window", "measured part").check(longer_than_0).default(Nanos::from_secs(1));
    Work { launches, settle, window }.into()
}
