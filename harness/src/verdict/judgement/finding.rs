//! Defines findings: the result for one metric or stage, and its severity.

use serde::{Deserialize, Serialize};

use crate::measure::metric::{Better, Unit};
use crate::verdict::evidence::Evidence;
use harness_stats::Interval;

/// A finding about one metric or stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Id of the metric, `stage NAME`, `STAGE/FAULT`, or `baseline`.
    pub subject: String,
    /// The kind of question that it answers.
    #[serde(default)]
    pub topic: Topic,
    pub kind: FindingKind,
    pub message: String,
    /// The underlying numbers, if a base and a head were compared.
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
    /// Whether a target stayed within its budget over a soak.
    Budget,
    /// Whether a target behaved as expected under a fault.
    Fault,
    /// Whether a target passed streams on as expected.
    Stream,
}

/// The comparison of base and head for one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Weighed {
    /// The evidence that distinguishes the change from chance.
    pub evidence: Evidence,
    /// Unit of `base`, `head` and `difference`.
    pub unit: Unit,
    pub direction: Better,
    /// Median of the base, or of the earlier runs if history decides.
    pub base: f64,
    pub head: f64,
    /// Difference of the head; for paired rounds the median of their differences.
    pub difference: f64,
    /// (head − base) ÷ base; for paired rounds from the median of their ratios. Absent if the base is zero or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// Interval of the true effect, relative to the base like `effect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// The p-value that decides, two-sided; one-sided if history decides. Absent for exact metrics and plain numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub p: Option<f64>,
    /// The p-value adjusted for the number of metrics (Benjamini–Hochberg). It is informative and decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub p_adjusted: Option<f64>,
    /// The threshold that the effect was compared with, signed like `effect`.
    pub threshold: f64,
    /// Pairs of rounds or launches; rounds of the smaller side; earlier runs if history decides.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub n: u64,
    /// The finding from effect and p alone, before caps, confirmation and the rule of consecutive runs.
    pub seen: FindingKind,
    /// Number of consecutive runs, including this one, in which it was an alert or a block; 0 if it is neither.
    #[serde(default)]
    pub times: u64,
    /// Whether it breaches the guard too.
    #[serde(default)]
    pub guard: bool,
}

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Better by more than the threshold of a regression.
    Improved,
    Ok,
    /// Beyond a threshold, but not significant.
    Noise,
    /// Significant, but within the thresholds.
    Small,
    Alert,
    /// Beyond the second threshold: sets exit code 3.
    Block,
    /// It could not be decided, which is never a silent pass.
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

    /// Returns the more serious of two. Associative, commutative, with [`FindingKind::Ok`] as its neutral element.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        if self.rank() <= other.rank() { self } else { other }
    }

    /// Returns whether it is an alert or a block.
    pub const fn is_breach(self) -> bool {
        matches!(self, Self::Alert | Self::Block)
    }

    /// Returns its position in [`FindingKind::ALL`].
    pub fn rank(self) -> usize {
        Self::ALL.into_iter().position(|kind| kind == self).unwrap_or_default()
    }
}
