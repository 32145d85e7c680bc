//! Defines the turn of a cell: one of its instances, while those of other cells wait.

use super::rounds::tally::Tally;

/// The instance that a cell runs now.
pub(crate) struct Turn {
    /// Index of the instance.
    pub(crate) index: u64,
    /// Rounds that other cells have done, and all rounds, for progress.
    pub(crate) progress: (u64, u64),
    /// The rounds of the earlier turns; absent before the first, and while the turn runs.
    pub(crate) tally: Option<Tally>,
}
