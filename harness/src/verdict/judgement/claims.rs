//! Defines the results of the claims of `[targets]`.

use serde::{Deserialize, Serialize};

/// The result of one claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClaimFinding {
    pub metric: String,
    /// The claim, for example `< 2 ms`.
    pub limit: String,
    pub state: ClaimState,
    /// Whether a miss sets exit code 3.
    pub required: bool,
    /// The value with its unit.
    pub message: String,
}

/// The states of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClaimState {
    /// The whole interval is on the good side of the bound.
    Met,
    /// The whole interval is on the bad side of the bound.
    NotMet,
    /// The interval contains the bound, or there is none.
    Undecided,
    /// The metric has no value.
    Absent,
}

impl ClaimState {
    pub const ALL: [Self; 4] = [Self::Met, Self::NotMet, Self::Undecided, Self::Absent];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::Undecided => "undecided",
            Self::Absent => "absent",
        }
    }
}
