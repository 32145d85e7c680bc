//! Findings: what was found about one metric or stage, and how much it matters.

use serde::{Deserialize, Serialize};

use crate::measure::metric::{Better, Unit};
use crate::verdict::evidence::Evidence;
use harness_stats::Interval;

/// Something found about one metric or stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Id of the metric, `stage NAME`, `STAGE/FAULT`, or `baseline`.
    pub subject: String,
    /// What kind of thing was asked.
    #[serde(default)]
    pub topic: Topic,
    pub kind: FindingKind,
    pub message: String,
    /// The numbers behind it, where a base and a head were compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighed: Option<Weighed>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Whether a stage could be measured.
    #[default]
    Stage,
    /// Whether a claim of `[targets]` holds.
    Claim,
    Change,
    /// Whether a target kept its budget over a soak.
    Budget,
    /// Whether a target did what was expected of it when something failed.
    Fault,
}

/// A base and a head of one metric, compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Weighed {
    /// What tells the change from chance.
    pub evidence: Evidence,
    /// Unit of `base`, `head` and `difference`.
    pub unit: Unit,
    pub direction: Better,
    /// Median of the base; of the earlier runs where history decides.
    pub base: f64,
    pub head: f64,
    /// How much more the head is; for paired rounds the median of their differences.
    pub difference: f64,
    /// (head − base) ÷ base; for paired rounds from the median of their ratios. Absent where the base is zero or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// Where the true effect lies, as a share of the base like `effect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// The p-value that decides, two-sided; one-sided where history decides. Absent for exact metrics and plain numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub p: Option<f64>,
    /// The same, adjusted for the number of metrics (Benjamini–Hochberg). For information; it decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub p_adjusted: Option<f64>,
    /// The threshold that the effect was held against, signed like `effect`.
    pub threshold: f64,
    /// Pairs of rounds or launches; rounds of the smaller side; earlier runs where history decides.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub n: u64,
    /// What effect and p amount to by themselves, before caps, confirmation and the rule of consecutive runs.
    pub seen: FindingKind,
    /// Runs in a row, this one included, in which it was an alert or a block by itself; 0 where it is neither.
    #[serde(default)]
    pub times: u64,
    /// It breaches the guard against slow creep as well.
    #[serde(default)]
    pub guard: bool,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Better by more than the threshold for worse.
    Improved,
    Ok,
    /// Beyond a threshold, but not told from chance.
    Noise,
    /// Told from chance, but within the thresholds.
    Small,
    Alert,
    /// Beyond the second threshold: ends in exit code 3.
    Block,
    /// It could not be decided. Never silently fine.
    Inconclusive,
}

impl FindingKind {
    /// Every kind, most serious first.
    pub const ALL: [Self; 7] =
        [Self::Block, Self::Alert, Self::Inconclusive, Self::Small, Self::Noise, Self::Improved, Self::Ok];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Improved => "improved",
            Self::Ok => "ok",
            Self::Noise => "noise",
            Self::Small => "small",
            Self::Alert => "alert",
            Self::Block => "block",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// The more serious of two. Associative, commutative, with [`FindingKind::Ok`] as its neutral element.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        if self.rank() <= other.rank() { self } else { other }
    }

    /// An alert or a block.
    pub const fn is_breach(self) -> bool {
        matches!(self, Self::Alert | Self::Block)
    }

    /// Its place in [`FindingKind::ALL`].
    pub fn rank(self) -> usize {
        Self::ALL.into_iter().position(|kind| kind == self).unwrap_or_default()
    }
}
