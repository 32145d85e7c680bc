//! What a run tells those who watch it.

use crate::measure::trial::{Arm, Second};
use crate::measure::{RoundStatus, StageKind, StageStatus};
use crate::units::Nanos;

/// Something worth showing. Nothing here is needed to understand the record.
#[derive(Debug, Clone)]
pub enum Event {
    /// A stage begins; `expected` is how long it should take.
    StageBegun {
        /// Its name.
        name: String,
        /// What it does.
        kind: StageKind,
        /// Expected length.
        expected: Nanos,
    },
    /// What is being done now, in a few words.
    Doing(String),
    /// `done` of `of` launches or rounds of the stage.
    Step {
        /// Finished so far.
        done: u64,
        /// Wanted.
        of: u64,
    },
    /// A second of a window has passed.
    Second(Arm, Second),
    /// A round is over.
    Round {
        /// What became of it.
        status: RoundStatus,
        /// Why it was rejected.
        reason: Option<String>,
    },
    /// A stage is over.
    StageEnded {
        /// Its name.
        name: String,
        /// What became of it.
        status: StageStatus,
    },
}
