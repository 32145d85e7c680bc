//! Defines the facts that a kind of stage records in addition to those of every kind.

use super::trial::Build;
use harness_rig::usage::{Reading, Series};

/// Facts of one kind, of a stage or of an instance.
pub trait OwnFacts: Clone {
    /// Returns the facts of a stage as if `build` had been measured alone; `size_bytes` is the size of its executable, as the record's
    /// header has it.
    #[must_use]
    fn of_build(&self, _build: Build, _size_bytes: Option<u64>) -> Self {
        self.clone()
    }

    /// Returns the readings of an instance over a window without load.
    fn readings(&self) -> Option<&Series<Reading>> {
        None
    }

    /// Returns the facts of an instance without those that have journal lines of their own.
    #[must_use]
    fn outline(&self) -> Self {
        self.clone()
    }

    /// Returns the facts that have journal lines of their own, one per line.
    fn pieces(&self) -> Vec<Self> {
        Vec::new()
    }

    /// Adds one of the pieces.
    fn add(&mut self, piece: Self) {
        *self = piece;
    }
}

/// Defines the facts of a stage or of an instance that records only those of every kind.
macro_rules! no_facts {
    ($(#[$about:meta])* $Facts:ident) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $Facts {}

        impl $crate::measure::own::OwnFacts for $Facts {}
    };
}
pub(crate) use no_facts;
