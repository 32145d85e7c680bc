//! Defines how the kinds of stages are written in a scenario.

use super::base::{Base, Common};
use crate::spec::Section;
use crate::work::Work;

/// How one kind is written.
pub(crate) struct Kind {
    pub(crate) place: Place,
    /// Its work, for the schema.
    pub(crate) about: &'static str,
}

pub(crate) enum Place {
    /// Is written as `[stage.NAME]`.
    Stage(fn(&Section<'_>, &Base<'_>, &mut Common) -> Work),
    /// A separate table, which is read before the stages and creates one stage named after the kind.
    Own {
        /// Its key.
        table: &'static str,
        /// Reads the stage from the root, and whether it is optional; `None` if it is not written.
        read: fn(&Section<'_>) -> Option<(bool, Work)>,
    },
}
