//! Records the profile of a stage. It contains no number of the stage, because the profiled window is not measured.

use serde::{Deserialize, Serialize};

/// How the call stack of a sample is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stacks {
    /// By the unwind tables of the program, which every optimised program has, except those in Go.
    Dwarf,
    /// By frame pointers: cheaper, but correct only if the program was built with them.
    Fp,
}

/// The profile of a stage, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Profile {
    Taken(Taken),
    /// Why there is none, and what to type.
    Absent(String),
}

/// A recorded profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// The flame graph (SVG), as a path below the folder of the run.
    pub graph: String,
    /// The folded stacks, one per line with its number of samples, likewise.
    pub folded: String,
    /// How the stacks were found.
    pub stacks: Stacks,
    /// The sampled event, as `perf` names it: `cycles`, or `cpu-clock` if hardware counters are not available.
    pub event: String,
    /// Samples of the processes of the target.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub samples: u64,
    /// Length of the window, or of all profiled runs of a program, in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub window_ns: u64,
    /// The ten functions in which most samples were taken, without the time of those that they call, in descending order; empty in
    /// records of a harness that did not list them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<SelfTime>,
}

/// The samples that were taken in a function itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SelfTime {
    /// Its name as `perf` has it; an address if the program has no symbols.
    pub function: String,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub samples: u64,
}

impl Stacks {
    /// Returns the name on the command line and that of `perf`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dwarf => "dwarf",
            Self::Fp => "fp",
        }
    }
}
