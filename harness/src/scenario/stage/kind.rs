//! Defines how the kinds of stages are written in a scenario.

use super::base::{Base, Common};
use crate::spec::Section;
use crate::work::Work;
use crate::work::reported::OnLaunch;

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
        read: fn(&Section<'_>) -> Own,
    },
}

/// What a table of its own contains.
#[derive(Default)]
pub(crate) struct Own {
    pub(crate) stages: Vec<OwnStage>,
    /// URLs of the target: the key of each, and its text.
    pub(crate) endpoints: Vec<(String, String)>,
    /// What is read after launches, with the key at which it is written.
    pub(crate) on_launch: Vec<(String, OnLaunch)>,
}

/// A stage that is not written as `[stage.NAME]`.
pub(crate) struct OwnStage {
    pub(crate) name: String,
    pub(crate) optional: bool,
    pub(crate) work: Work,
}
