//! Defines the bottlenecks and their names.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The hypervisor gave CPU time to other guests.
    HostSteal,
    /// The CPU limit of the target's control group.
    Throttled,
    /// Memory: the target waited for pages.
    Memory,
    /// All CPUs that the target may use.
    TargetCpu,
    /// One of its threads, while more CPUs were available.
    TargetThread,
    Generator,
    Upstream,
    /// The CPUs of the host, which target, generator and upstream share.
    SharedCpus,
    /// Nothing is saturated: the rate is the number of users ÷ the time of a request.
    Latency,
    /// A needed value was not recorded, or values contradict each other.
    Unknown,
}

/// The bottleneck of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Bottleneck {
    /// The bottleneck of most valid rounds.
    pub by: Bound,
    /// The evidence, from the round with the median rate among them; or why the bottleneck is unknown.
    pub message: String,
    /// Number of valid rounds that agree.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub rounds: u64,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub of: u64,
}

impl Bound {
    pub const fn words(self) -> &'static str {
        match self {
            Self::HostSteal => "host steal",
            Self::Throttled => "throttling",
            Self::Memory => "memory",
            Self::TargetCpu => "target CPU",
            Self::TargetThread => "one thread of the target",
            Self::Generator => "generator",
            Self::Upstream => "upstream",
            Self::SharedCpus => "shared CPUs",
            Self::Latency => "latency",
            Self::Unknown => "not known",
        }
    }
}

impl Bottleneck {
    /// Formats `bounded by target CPU in 9 of 10 rounds`.
    pub fn headline(&self) -> String {
        let Self { by, rounds, of, .. } = self;
        match by {
            Bound::Unknown => format!("the bottleneck is unknown in {rounds} of {of} rounds"),
            _ => format!("bounded by {} in {rounds} of {of} rounds", by.words()),
        }
    }
}

impl std::fmt::Display for Bottleneck {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.headline(), self.message)
    }
}
