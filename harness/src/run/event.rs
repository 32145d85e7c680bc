//! What a run tells those who watch it.

use crate::measure::{Arm, Second};
use crate::measure::{Build, Check, RoundStatus, StageKind, StageStatus};
use harness_base::units::Nanos;

/// Something worth showing. Nothing here is needed to understand the record.
#[derive(Debug, Clone)]
pub enum Event {
    /// A stage begins; `expected` is how long it should take.
    StageBegun {
        name: String,
        kind: StageKind,
        expected: Nanos,
    },
    /// What is being done now, in a few words.
    Doing(String),
    /// `done` of `of` launches or rounds of the stage.
    Step {
        done: u64,
        of: u64,
    },
    /// A second of a window has passed.
    Second(Arm, Second),
    Round {
        status: RoundStatus,
        /// The first rule that does not hold, and the build where there are two.
        broken: Option<(Check, Option<Build>)>,
    },
    StageEnded {
        name: String,
        status: StageStatus,
    },
}
