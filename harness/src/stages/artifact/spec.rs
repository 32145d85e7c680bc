//! Reads `[stage.artifact]`.

use super::work::Work;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::spec::Section;
use crate::work;

pub(crate) const KIND: Kind = Kind { place: Place::Stage(read), about: "inspects the executable" };

fn read(section: &Section<'_>, _base: &Base<'_>, _common: &mut Common) -> work::Work {
    Work { image: section.field("image", "an OCI layout, or an archive of one or from docker save").optional() }.into()
}
