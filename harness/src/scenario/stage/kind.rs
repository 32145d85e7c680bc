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
    /// A separate table, which is read before the stages.
    Own {
        /// Its key.
        table: &'static str,
        /// Reads its stages from the root; none if the table is not written.
        read: fn(&Section<'_>) -> Vec<OwnStage>,
    },
}

/// A stage that is not written as `[stage.NAME]`.
pub(crate) struct OwnStage {
    pub(crate) name: String,
    pub(crate) optional: bool,
    pub(crate) work: Work,
}
