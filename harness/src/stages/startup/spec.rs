//! Reads `[stage.startup]`.

use super::work::Work;
use crate::scenario::stage::base::{Base, Common, read_launches};
use crate::scenario::stage::kind::{Kind, Place};
use crate::spec::Section;
use crate::work;

pub(crate) const KIND: Kind = Kind { place: Place::Stage(read), about: "launches the target repeatedly" };

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    if base.is_external(section) {
        let hint = Some("leave it out".to_owned());
        section.mistake("", "launches the target, and an external target runs already", hint);
    }
    common.read_surroundings(section, base);
    common.read_limits(section, base);
    Work { launches: read_launches(section, 20) }.into()
}
