//! The judgement: everything that can be computed again from a record.

mod claims;
pub(crate) mod finding;
mod ground;

use serde::{Deserialize, Serialize};

use super::bottleneck::Bottleneck;
use super::context::Context;
use super::stage::Detail;
use crate::measure::StageStatus;
use crate::measure::metric::{Better, Kind, Unit, category};
use harness_base::exit::Exit;
use harness_stats::Estimate;

pub use claims::{ClaimFinding, ClaimState};
pub use finding::{Finding, FindingKind, Topic, Weighed};
pub use ground::Ground;

/// What a record amounts to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// Every metric of every stage that is in the record, with a value or with the reason why it has none.
    pub metrics: Vec<Measured>,
    /// Every claim of the scenario's `[targets]`.
    pub targets: Vec<ClaimFinding>,
    pub findings: Vec<Finding>,
    pub stages: Vec<StageFinding>,
    /// What it was judged with beside the record, so that it can be judged again.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
    /// What the run ends in.
    pub exit: Exit,
    /// Why, most urgent first; empty for [`Exit::Pass`].
    pub grounds: Vec<Ground>,
}

/// One metric of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// `category/name`, with `@stage` where the stage is not named after its kind.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::MetricId"))]
    pub id: String,
    /// Unit of all its values.
    pub unit: Unit,
    pub direction: Better,
    /// How the values came about.
    pub kind: Kind,
    /// The stage it is from.
    pub stage: String,
    pub value: Value,
    /// The same quantity on either arm, where a stage has both.
    pub arms: Option<Arms>,
    /// Why it must not gate, where it must not.
    pub advisory: Option<String>,
}

/// A value, or the reason for its absence. Never a zero that means "none".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Value {
    Estimated {
        /// Median of the rounds and its interval.
        estimate: Estimate,
        /// The value of each valid round or launch, in order.
        #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
        rounds: Vec<f64>,
        /// Positions in `rounds` of values that lie far from the others; see [`harness_stats::Sample::outliers`]. They count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outliers: Vec<usize>,
    },
    Absent {
        reason: String,
    },
}

/// A quantity on both arms of one stage, in the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Arms {
    pub direct: Estimate,
    pub proxied: Estimate,
}

/// What became of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StageFinding {
    /// Its name in the scenario.
    pub name: String,
    /// With the reasons, where it is not valid.
    pub status: StageStatus,
    /// What its rounds show beside their medians, for example that values drift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What bounds its rate, where it is a valid one with a closed loop. Points of stage `limits` have their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottleneck: Option<Bottleneck>,
    /// What it shows as a whole, beside its metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
}

impl Judgement {
    /// The verdict in one sentence: what people read first.
    pub fn headline(&self) -> String {
        let word = self.exit.word();
        format!("{word}: {}", self.gist())
    }

    /// The headline without its word: the first ground, or what was measured.
    pub fn gist(&self) -> String {
        self.grounds.first().map_or_else(|| self.tally(), ToString::to_string)
    }

    /// The grounds as sentences, most urgent first.
    pub fn reasons(&self) -> Vec<String> {
        self.grounds.iter().map(ToString::to_string).collect()
    }

    /// `26 metrics from 5 valid stages; targets: 3 met, 1 undecided`.
    fn tally(&self) -> String {
        let valued = self.metrics.iter().filter(|metric| metric.estimate().is_some()).count();
        let valid = self.stages.iter().filter(|stage| stage.status == StageStatus::Valid).count();
        let mut text = format!("{} from {}", counted(valued, "metric"), counted(valid, "valid stage"));
        if valid < self.stages.len() {
            text.push_str(&format!(" ({} left out)", counted(self.stages.len() - valid, "optional stage")));
        }
        let targets: Vec<String> =
            ClaimState::ALL.into_iter().filter_map(|state| self.targets_that_are(state)).collect();
        if !targets.is_empty() {
            text.push_str(&format!("; targets: {}", targets.join(", ")));
        }
        let changes = self.changes_told();
        if !changes.is_empty() {
            text.push_str(&format!("; compared: {changes}"));
        }
        text
    }

    /// `1 alert, 14 ok`; empty where nothing was compared.
    pub fn changes_told(&self) -> String {
        let changes = self.changes();
        let told = |kind: FindingKind| {
            let n = changes.iter().filter(|finding| finding.kind == kind).count();
            (n > 0).then(|| format!("{n} {}", kind.word()))
        };
        FindingKind::ALL.into_iter().filter_map(told).collect::<Vec<_>>().join(", ")
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

    /// Findings about changes, most serious first.
    pub fn changes(&self) -> Vec<&Finding> {
        let mut compared: Vec<&Finding> =
            self.findings.iter().filter(|finding| finding.topic == Topic::Change).collect();
        compared.sort_by_key(|finding| finding.kind.rank());
        compared
    }

    /// What was found about the change of one metric.
    pub fn change_of(&self, id: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.topic == Topic::Change && finding.subject == id)
    }

    /// What the stages show as a whole.
    pub fn details(&self) -> impl Iterator<Item = &Detail> {
        self.stages.iter().filter_map(|stage| stage.detail.as_ref())
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

    /// The value of each valid round or launch, in order; empty where there is none.
    pub fn rounds(&self) -> &[f64] {
        match &self.value {
            Value::Estimated { rounds, .. } => rounds,
            Value::Absent { .. } => &[],
        }
    }

    /// Positions of the values that lie far from the others.
    pub fn outliers(&self) -> &[usize] {
        match &self.value {
            Value::Estimated { outliers, .. } => outliers,
            Value::Absent { .. } => &[],
        }
    }

    pub fn absence(&self) -> Option<&str> {
        match &self.value {
            Value::Estimated { .. } => None,
            Value::Absent { reason } => Some(reason),
        }
    }

    /// The part of the id before the slash.
    pub fn category(&self) -> &str {
        category(&self.id)
    }

    /// The part of the id behind the slash.
    pub fn name(&self) -> &str {
        self.id.split_once('/').map_or(self.id.as_str(), |(_, name)| name)
    }
}
