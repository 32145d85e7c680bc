//! Defines the events of a run, for progress.

use crate::measure::{Arm, Second};
use crate::measure::{Build, Check, RoundStatus, StageKind, StageStatus};
use harness_base::units::Nanos;

/// An event for progress. The record does not depend on it.
#[derive(Debug, Clone)]
pub enum Event {
    /// A stage begins; `expected` is how long it should take.
    StageBegun {
        name: String,
        kind: StageKind,
        expected: Nanos,
    },
    /// Short description of the present work.
    Doing(String),
    /// A line that stays, for example a command to type elsewhere.
    Note(String),
    /// `done` of `of` launches or rounds of the stage.
    Step {
        done: u64,
        of: u64,
    },
    /// A second of a window has passed.
    Second(Arm, Second),
    Round {
        status: RoundStatus,
        /// The first violated rule, and the build if there are two.
        broken: Option<(Check, Option<Build>)>,
    },
    StageEnded {
        name: String,
        status: StageStatus,
    },
}
