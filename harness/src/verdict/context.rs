//! Defines the input of a judgement in addition to the record. It is small and stored in the judgement, so that
//! `harness report` can judge again without baseline, rerun and environment.

use serde::{Deserialize, Serialize};

use super::judgement::finding::FindingKind;
use crate::baseline::{Baseline, Direct};
use crate::measure::metric::{Source, Unit};
use crate::measure::record::References;

/// Number of newest runs that are kept.
const RUNS: usize = 30;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Context {
    /// The stored runs that this one is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// Why there are none, if there should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_baseline: Option<String>,
    /// The breaches of the previous run, oldest first in each list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<Breach>,
    /// The result of an immediate rerun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
    /// The reason of an override, which reduces blocks to alerts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<String>,
}

/// The stored runs that a run is compared with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Against {
    pub name: String,
    /// The newest of its runs.
    pub run_id: String,
    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// The commit that it was started in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha: Option<String>,
    /// Why a block can only be an alert, for example that the hosts differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<String>,
    /// Why changes of times and rates decide nothing: the runs are from other machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<String>,
    /// How fast the machine of the newest run was, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<References>,
    /// Every metric that any of the runs has.
    pub metrics: Vec<Past>,
}

/// One metric of the stored runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// `category/name`, with `@stage` where needed.
    pub id: String,
    pub unit: Unit,
    /// Who found its values; absent if only one kind of stage has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The value of each round or launch of the newest run that has the metric.
    pub rounds: Vec<f64>,
    /// The point of every run that has it, oldest first; at least one.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub history: Vec<f64>,
    /// The same quantity of the newest without the target, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<Direct>,
    /// Why the newest must not gate, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisory: Option<String>,
}

/// A metric that was an alert or a block, and in how many consecutive runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Breach {
    pub id: String,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub times: u64,
}

/// An immediate rerun of the stages with blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    pub run_id: String,
    /// Its result for every metric that it could weigh.
    pub metrics: Vec<Again>,
}

/// One metric in the rerun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Again {
    pub id: String,
    /// The finding from effect and p in the rerun alone.
    pub seen: FindingKind,
    /// (head − base) ÷ base, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// The p-value, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub p: Option<f64>,
    /// Whether the guard was breached in the rerun.
    #[serde(default)]
    pub guard: bool,
}

impl Context {
    /// Returns whether it is empty.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Against {
    /// Selects the runs of a baseline, all of which are comparable with each other. `caps` are the reasons why a block
    /// can only be an alert. Returns `None` for a baseline without a run.
    pub fn new(baseline: &Baseline, caps: Vec<String>) -> Option<Self> {
        let newest = baseline.runs.last()?;
        let runs = &baseline.runs[baseline.runs.len().saturating_sub(RUNS)..];
        let mut metrics: Vec<Past> = Vec::new();
        for metric in runs.iter().flat_map(|run| &run.metrics) {
            let same =
                |past: &&mut Past| past.id == metric.id && past.unit == metric.unit && past.source == metric.source;
            let known = metrics.iter_mut().find(same);
            if let Some(past) = known {
                past.rounds.clone_from(&metric.rounds);
                past.advisory.clone_from(&metric.advisory);
                past.direct = metric.direct;
                past.history.push(metric.point);
            } else {
                metrics.push(Past {
                    id: metric.id.clone(),
                    unit: metric.unit,
                    source: metric.source,
                    rounds: metric.rounds.clone(),
                    history: vec![metric.point],
                    direct: metric.direct,
                    advisory: metric.advisory.clone(),
                });
            }
        }
        Some(Self {
            name: baseline.name.clone(),
            run_id: newest.run_id.clone(),
            started_at: newest.started_at.clone(),
            sha: newest.git.as_ref().map(|git| git.sha.clone()),
            caps,
            elsewhere: None,
            reference: newest.reference,
            metrics,
        })
    }

    /// Formats `main (20261120T183005Z-4f1c, 0123456789)`.
    pub fn label(&self) -> String {
        let sha = self.sha.as_ref().map(|sha| format!(", {}", sha.chars().take(10).collect::<String>()));
        format!("{} ({}{})", self.name, self.run_id, sha.unwrap_or_default())
    }
}

impl Confirmation {
    /// Returns the rerun's result for a metric.
    pub fn of(&self, id: &str) -> Option<&Again> {
        self.metrics.iter().find(|again| again.id == id)
    }
}
