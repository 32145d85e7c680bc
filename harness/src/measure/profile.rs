//! What `--profile` left of a stage. None of it is a number of the stage: the profiled window is measured by nobody.

use serde::{Deserialize, Serialize};

/// How the call stack behind a sample is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stacks {
    /// By the unwind tables of the program: every optimised program has them, those of Go do not.
    Dwarf,
    /// By frame pointers: cheaper, and right only where the program was built with them.
    Fp,
}

/// The profile of a stage, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Profile {
    Taken(Taken),
    /// It could not be; why, and what to type.
    Absent(String),
}

/// A profile that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// The flame graph (SVG), by its path below the run's folder.
    pub graph: String,
    /// The folded stacks behind it, one a line with its number of samples, likewise.
    pub folded: String,
    /// How the stacks were found.
    pub stacks: Stacks,
    /// What was counted between two samples, as `perf` names it: `cycles`, or `cpu-clock` where the processor's counters are out of reach.
    pub event: String,
    /// Samples taken of the target's processes.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub samples: u64,
    /// Length of the window in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub window_ns: u64,
}

impl Stacks {
    /// Its name on the command line, and that of `perf`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dwarf => "dwarf",
            Self::Fp => "fp",
        }
    }
}
