//! What bounds a rate, in words.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The hypervisor gave the CPUs to others.
    HostSteal,
    /// The CPU limit of the target's control group.
    Throttled,
    /// Memory: the target waited for pages.
    Memory,
    /// All CPUs that the target may use.
    TargetCpu,
    /// One of its threads, while it could have had more CPUs.
    TargetThread,
    Generator,
    Upstream,
    /// The CPUs of the host, which target, generator and upstream share.
    SharedCpus,
    /// Nobody is busy: the rate is the number of users ÷ the time of a request.
    Latency,
    /// What would tell was not recorded, or contradicts itself.
    Unknown,
}

/// What bounds the rate of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Bottleneck {
    /// What bounded most of its valid rounds.
    pub by: Bound,
    /// The evidence, of the round among them whose rate lies in the middle; why it is not known, where it is not.
    pub message: String,
    /// The valid rounds that agree.
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
    /// `bounded by target CPU in 9 of 10 rounds`.
    pub fn headline(&self) -> String {
        let Self { by, rounds, of, .. } = self;
        match by {
            Bound::Unknown => format!("what bounds the rate is not known in {rounds} of {of} rounds"),
            _ => format!("bounded by {} in {rounds} of {of} rounds", by.words()),
        }
    }
}

impl std::fmt::Display for Bottleneck {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.headline(), self.message)
    }
}
