//! How the kinds of stages are written in a scenario.

use super::base::{Base, Common};
use crate::spec::Section;
use crate::work::Work;

/// How one kind is written.
pub(crate) struct Kind {
    pub(crate) place: Place,
    /// What such a stage does, for the schema.
    pub(crate) about: &'static str,
}

pub(crate) enum Place {
    /// `[stage.NAME]`.
    Stage(fn(&Section<'_>, &Base<'_>, &mut Common) -> Work),
    /// A table of its own, which is read before the stages and makes one stage named after the kind.
    Own {
        /// Its key.
        table: &'static str,
        /// Reads it from the root, and whether the run may do without it; `None` where it is not written.
        read: fn(&Section<'_>) -> Option<(bool, Work)>,
    },
}
