//! Defines the judgement: everything that can be computed again from a record.

mod claims;
pub(crate) mod finding;
pub(crate) mod ground;
pub(crate) mod metric;
pub(crate) mod target;

use serde::{Deserialize, Serialize};

use super::bottleneck::Bottleneck;
use super::context::Context;
use super::stage::Detail;
use crate::measure::StageStatus;
use harness_base::exit::Exit;

pub use claims::{ClaimFinding, ClaimState};
pub use finding::{Finding, FindingKind, Topic, Weighed};
pub use ground::{Ground, HeadFailure};
pub use metric::{Arms, Measured, Value};
pub use target::{MissedRate, TargetErrors};

/// The result of judging a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// Every metric of every stage in the record, with a value or with the reason why it has none.
    pub metrics: Vec<Measured>,
    /// The result of every claim in `[targets]`.
    pub targets: Vec<ClaimFinding>,
    pub findings: Vec<Finding>,
    pub stages: Vec<StageFinding>,
    /// The input in addition to the record, so that it can be judged again.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
    /// The exit code of the run.
    pub exit: Exit,
    /// The grounds, most urgent first; empty for [`Exit::Pass`].
    pub grounds: Vec<Ground>,
}

/// The result of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StageFinding {
    /// Its name in the scenario.
    pub name: String,
    /// Its status, with the reasons if it is not valid.
    pub status: StageStatus,
    /// Patterns in its rounds that medians hide, for example drift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The bottleneck of its rate, for a valid closed loop. Points of stage `limits` have their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottleneck: Option<Bottleneck>,
    /// Its detail as a whole, in addition to its metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
}

impl Judgement {
    /// Returns the verdict as one sentence.
    pub fn headline(&self) -> String {
        let word = self.exit.word();
        format!("{word}: {}", self.gist())
    }

    /// Returns the headline without its word: the first ground and the first regression, or what was measured.
    pub fn gist(&self) -> String {
        let Some(first) = self.grounds.first() else { return self.tally() };
        let block = self.grounds.iter().find(|ground| ground.exit() == Exit::Regressed);
        match block.filter(|_| first.exit() != Exit::Regressed) {
            Some(block) => format!("{first}; also {}: {block}", Exit::Regressed.word()),
            None => first.to_string(),
        }
    }

    /// Returns the grounds as sentences, most urgent first.
    pub fn reasons(&self) -> Vec<String> {
        self.grounds.iter().map(ToString::to_string).collect()
    }

    /// Formats `26 metrics from 5 valid stages; targets: 3 met, 1 undecided`.
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
        let changes = self.changes_reported();
        if !changes.is_empty() {
            text.push_str(&format!("; compared: {changes}"));
        }
        text
    }

    /// Formats `1 alert, 14 ok`; empty if nothing was compared.
    pub fn changes_reported(&self) -> String {
        let changes = self.changes();
        let counted_kind = |kind: FindingKind| {
            let n = changes.iter().filter(|finding| finding.kind == kind).count();
            (n > 0).then(|| format!("{n} {}", kind.word()))
        };
        FindingKind::ALL.into_iter().filter_map(counted_kind).collect::<Vec<_>>().join(", ")
    }

    /// Formats `3 met`; `None` if there are none.
    fn targets_that_are(&self, state: ClaimState) -> Option<String> {
        let n = self.targets.iter().filter(|target| target.state == state).count();
        (n > 0).then(|| format!("{n} {}", state.word()))
    }

    /// Lists the stages to run again immediately, because a block, or a breach of the guard, is published as a block
    /// only if a rerun confirms it. Empty if there is none, the rerun was made, or an override lets it pass.
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

    /// Returns the findings about changes, most serious first.
    pub fn changes(&self) -> Vec<&Finding> {
        let mut compared: Vec<&Finding> =
            self.findings.iter().filter(|finding| finding.topic == Topic::Change).collect();
        compared.sort_by_key(|finding| finding.kind.rank());
        compared
    }

    /// Returns the finding about the change of one metric.
    pub fn change_of(&self, id: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.topic == Topic::Change && finding.subject == id)
    }

    /// Iterates over the details of whole stages.
    pub fn details(&self) -> impl Iterator<Item = &Detail> {
        self.stages.iter().filter_map(|stage| stage.detail.as_ref())
    }

    /// Returns the metric with that id.
    pub fn metric(&self, id: &str) -> Option<&Measured> {
        self.metrics.iter().find(|metric| metric.id == id)
    }
}

/// Formats `1 metric`, `2 metrics`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
