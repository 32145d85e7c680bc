//! The judgement: everything that can be computed again from a record.

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::curve::Curve;
use super::evidence::Evidence;
use crate::exit::Exit;
use crate::measure::metric::{Better, Kind, Unit};
use crate::stats::{Estimate, Interval};

/// What a record amounts to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// Every metric of every stage that is in the record, with a value or with the reason why it has none.
    pub metrics: Vec<Measured>,
    /// The curve of every stage `limits`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<Curve>,
    /// Every claim of the scenario's `[targets]`.
    pub targets: Vec<ClaimFinding>,
    /// What else was found.
    pub findings: Vec<Finding>,
    /// Every stage.
    pub stages: Vec<StageFinding>,
    /// What it was judged with beside the record, so that it can be judged again.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
    /// What the run ends in.
    pub exit: Exit,
    /// Why, most urgent first; empty for [`Exit::Pass`].
    pub reasons: Vec<String>,
}

/// One metric of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// `category/name`, with `@stage` where the stage is not named after its kind.
    pub id: String,
    /// Unit of all its values.
    pub unit: Unit,
    /// Which way is better.
    pub direction: Better,
    /// How the values came about.
    pub kind: Kind,
    /// The stage it is from.
    pub stage: String,
    /// Its value.
    pub value: Value,
    /// The same quantity on either arm, where a stage has both.
    pub arms: Option<Arms>,
    /// Why it must not gate, where it must not.
    pub advisory: Option<String>,
}

/// A value, or the reason for its absence. Never a zero that means "none".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Value {
    /// It was measured.
    Estimated {
        /// Median of the rounds and its interval.
        estimate: Estimate,
        /// The value of each valid round or launch, in order.
        rounds: Vec<f64>,
        /// Positions in `rounds` of values that lie far from the others; see [`crate::stats::Sample::outliers`]. They count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outliers: Vec<usize>,
    },
    /// It was not.
    Absent {
        /// Why.
        reason: String,
    },
}

/// A quantity on both arms of one stage, in the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arms {
    /// Straight to the upstream.
    pub direct: Estimate,
    /// Through the target.
    pub proxied: Estimate,
}

/// What became of one claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimFinding {
    /// Id of the metric.
    pub metric: String,
    /// The claim, for example `< 2 ms`.
    pub limit: String,
    /// What became of it.
    pub state: ClaimState,
    /// A miss ends the run with exit code 3.
    pub required: bool,
    /// What was found, with its unit.
    pub says: String,
}

/// The states of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimState {
    /// The whole interval keeps it.
    Met,
    /// The whole interval breaks it.
    NotMet,
    /// The interval reaches across the bound, or there is none.
    Undecided,
    /// The metric has no value.
    Absent,
}

/// Something found about one metric or stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Id of the metric, or `stage NAME`.
    pub subject: String,
    /// How much it matters.
    pub kind: FindingKind,
    /// What was found.
    pub says: String,
    /// The numbers behind it, where a base and a head were compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighed: Option<Weighed>,
}

/// A base and a head of one metric, compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weighed {
    /// What tells the change from chance.
    pub evidence: Evidence,
    /// Unit of `base`, `head` and `difference`.
    pub unit: Unit,
    /// Which way is better.
    pub direction: Better,
    /// Median of the base; of the earlier runs where history decides.
    pub base: f64,
    /// Median of the head.
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
    pub p: Option<f64>,
    /// The same, adjusted for the number of metrics (Benjamini–Hochberg). For information; it decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_adjusted: Option<f64>,
    /// The threshold that the effect was held against, signed like `effect`.
    pub threshold: f64,
    /// Pairs of rounds or launches; rounds of the smaller side; earlier runs where history decides.
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
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Better by more than the threshold for worse.
    Improved,
    /// No worse than allowed.
    Ok,
    /// Beyond a threshold, but not told from chance.
    Noise,
    /// Told from chance, but within the thresholds.
    Small,
    /// Beyond the first threshold.
    Alert,
    /// Beyond the second threshold: ends in exit code 3.
    Block,
    /// It could not be decided. Never silently fine.
    Inconclusive,
}

/// What became of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageFinding {
    /// Its name in the scenario.
    pub name: String,
    /// What became of it.
    pub state: StageState,
    /// Why, where it is not valid.
    pub reasons: Vec<String>,
    /// What its rounds show beside their medians, for example that values drift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The states of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    /// Its numbers mean what they say.
    Valid,
    /// They do not.
    Invalid,
    /// The target or a tool failed.
    Failed,
    /// It is optional and could not run.
    Skipped,
    /// It was stopped before it was complete.
    Incomplete,
}

impl Judgement {
    /// The verdict in one sentence: what people read first.
    pub fn headline(&self) -> String {
        let word = self.exit.word();
        match self.reasons.first() {
            Some(reason) => format!("{word}: {reason}"),
            None => format!("{word}: {}", self.tally()),
        }
    }

    /// `26 metrics from 5 valid stages; targets: 3 met, 1 undecided`.
    fn tally(&self) -> String {
        let valued = self.metrics.iter().filter(|metric| metric.estimate().is_some()).count();
        let valid = self.stages.iter().filter(|stage| stage.state == StageState::Valid).count();
        let mut text = format!("{} from {}", counted(valued, "metric"), counted(valid, "valid stage"));
        if valid < self.stages.len() {
            text.push_str(&format!(" ({} left out)", counted(self.stages.len() - valid, "optional stage")));
        }
        let targets: Vec<String> =
            ClaimState::ALL.into_iter().filter_map(|state| self.targets_that_are(state)).collect();
        if !targets.is_empty() {
            text.push_str(&format!("; targets: {}", targets.join(", ")));
        }
        text
    }

    /// `3 met`; nothing where there are none.
    fn targets_that_are(&self, state: ClaimState) -> Option<String> {
        let n = self.targets.iter().filter(|target| target.state == state).count();
        (n > 0).then(|| format!("{n} {}", state.word()))
    }

    /// The stages to run again at once, because a block, or a breach of the guard, is published as a block only when it is seen
    /// again. Empty where there is none, where the rerun was made, and where a person let it pass.
    pub fn needs_confirmation(&self) -> Vec<String> {
        let open = |finding: &&Finding| {
            let Some(weighed) = &finding.weighed else { return false };
            weighed.guard || (finding.kind == FindingKind::Block && weighed.p.is_some())
        };
        if self.context.confirmation.is_some() || self.context.override_reason.is_some() {
            return Vec::new();
        }
        let mut stages: Vec<String> = Vec::new();
        for metric in self.findings.iter().filter(open).filter_map(|finding| self.metric(&finding.subject)) {
            if !stages.contains(&metric.stage) {
                stages.push(metric.stage.clone());
            }
        }
        stages
    }

    /// Findings that compare a base and a head, most serious first.
    pub fn compared(&self) -> Vec<&Finding> {
        let mut compared: Vec<&Finding> = self.findings.iter().filter(|finding| finding.weighed.is_some()).collect();
        compared.sort_by_key(|finding| finding.kind.rank());
        compared
    }

    /// The metric with that id.
    pub fn metric(&self, id: &str) -> Option<&Measured> {
        self.metrics.iter().find(|metric| metric.id == id)
    }
}

/// `1 metric`, `2 metrics`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

impl Measured {
    /// The estimate, where there is one.
    pub const fn estimate(&self) -> Option<&Estimate> {
        match &self.value {
            Value::Estimated { estimate, .. } => Some(estimate),
            Value::Absent { .. } => None,
        }
    }

    /// Positions of the values that lie far from the others.
    pub fn outliers(&self) -> &[usize] {
        match &self.value {
            Value::Estimated { outliers, .. } => outliers,
            Value::Absent { .. } => &[],
        }
    }

    /// Why there is none.
    pub fn absence(&self) -> Option<&str> {
        match &self.value {
            Value::Estimated { .. } => None,
            Value::Absent { reason } => Some(reason),
        }
    }

    /// The part of the id before the slash.
    pub fn category(&self) -> &str {
        self.id.split('/').next().unwrap_or(&self.id)
    }

    /// The part of the id behind the slash.
    pub fn name(&self) -> &str {
        self.id.split_once('/').map_or(self.id.as_str(), |(_, name)| name)
    }
}

impl FindingKind {
    /// Every kind, most serious first.
    pub const ALL: [Self; 7] =
        [Self::Block, Self::Alert, Self::Inconclusive, Self::Small, Self::Noise, Self::Improved, Self::Ok];

    /// Its word in reports.
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

impl ClaimState {
    /// Every state, best first.
    pub const ALL: [Self; 4] = [Self::Met, Self::NotMet, Self::Undecided, Self::Absent];

    /// Its word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::Undecided => "undecided",
            Self::Absent => "absent",
        }
    }
}

impl StageState {
    /// Its word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Incomplete => "incomplete",
        }
    }
}
