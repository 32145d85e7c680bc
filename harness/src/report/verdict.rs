//! Renders `verdict.json`, which CI reads instead of decoding exit codes.

use serde::Serialize;

use super::comment::testbed_name;
use super::{Error, ReportFormat, Summary};
use crate::measure::Reason;
use crate::measure::audit::Blame;
use crate::measure::metric::{Better, Unit};
use crate::measure::record::{Retry, StageStatus};
use crate::verdict::bottleneck::Bottleneck;
use crate::verdict::judgement::{ClaimFinding, Finding, Measured, StageFinding};
#[cfg(feature = "schema")]
use harness_base::exit::Exit;

pub(super) struct Json;

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Document<'a> {
    #[cfg_attr(feature = "schema", schemars(extend("const" = 1)))]
    schema_version: u32,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = Exit::BY_URGENCY.map(Exit::word))))]
    verdict: &'static str,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = Exit::BY_URGENCY.map(Exit::code))))]
    exit_code: u8,
    headline: &'a str,
    reasons: Vec<String>,
    run_id: &'a str,
    scenario: &'a str,
    /// Scenario and host or class of hosts, as Bencher knows it.
    testbed: String,
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Utc"))]
    started_at: &'a str,
    partial: bool,
    /// Earlier attempts, in order.
    #[serde(skip_serializing_if = "<[Retry]>::is_empty")]
    retries: &'a [Retry],
    /// The base, which is a build or a baseline, and the evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared_with: Option<&'a str>,
    /// Why blocks were let pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    override_reason: Option<&'a str>,
    stages: Vec<Stage<'a>>,
    targets: &'a [ClaimFinding],
    findings: &'a [Finding],
    metrics: Vec<Metric<'a>>,
}

/// A stage, flat.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Stage<'a> {
    name: &'a str,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["valid", "invalid", "failed", "skipped", "incomplete"])))]
    state: &'static str,
    reasons: Vec<String>,
    /// Who is at fault that it is invalid, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blames: Vec<Blame>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    bottleneck: Option<&'a Bottleneck>,
}

impl<'a> Stage<'a> {
    fn new(found: &'a StageFinding) -> Self {
        Self {
            name: &found.name,
            state: found.status.word(),
            reasons: found.status.reasons(),
            blames: blames(&found.status),
            notes: &found.notes,
            bottleneck: found.bottleneck.as_ref(),
        }
    }
}

/// Returns who is at fault that a stage is invalid, each once, in the order of the reasons.
fn blames(status: &StageStatus) -> Vec<Blame> {
    let StageStatus::Invalid(reasons) = status else { return Vec::new() };
    let mut blames = Vec::new();
    for blame in reasons.iter().filter_map(Reason::blame) {
        if !blames.contains(&blame) {
            blames.push(blame);
        }
    }
    blames
}

/// A metric, flat, without absent values.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(
    extend("oneOf" = serde_json::json!([{ "required": ["value", "n"] }, { "required": ["absent"] }])),
    extend("dependentRequired" = serde_json::json!({ "low": ["high", "coverage"], "high": ["low"] })),
))]
struct Metric<'a> {
    id: &'a str,
    stage: &'a str,
    unit: Unit,
    direction: Better,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0.95, max = 1)))]
    coverage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advisory: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<&'a str>,
}

impl<'a> Metric<'a> {
    fn new(metric: &'a Measured) -> Self {
        let estimate = metric.estimate();
        let interval = estimate.and_then(|estimate| estimate.interval);
        Self {
            id: &metric.id,
            stage: &metric.stage,
            unit: metric.unit,
            direction: metric.direction,
            value: estimate.map(|estimate| estimate.point),
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
            coverage: interval.map(|interval| interval.coverage),
            n: estimate.map(|estimate| estimate.n),
            advisory: metric.advisory.as_deref(),
            absent: metric.absence(),
        }
    }
}

impl ReportFormat for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn file_name(&self) -> &'static str {
        "verdict.json"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let (record, judgement) = (summary.record, summary.judgement);
        let document = Document {
            schema_version: 1,
            verdict: judgement.exit.word(),
            exit_code: judgement.exit.code(),
            headline: &summary.headline,
            reasons: judgement.reasons(),
            run_id: &record.run_id,
            scenario: &record.scenario.name,
            testbed: testbed_name(record, None),
            started_at: &record.started_at,
            partial: summary.partial,
            retries: &record.retries,
            compared_with: summary.compared.as_ref().map(|compared| compared.base.as_str()),
            override_reason: judgement.context.override_reason.as_deref(),
            stages: judgement.stages.iter().map(Stage::new).collect(),
            targets: &judgement.targets,
            findings: &judgement.findings,
            metrics: judgement.metrics.iter().map(Metric::new).collect(),
        };
        super::pretty(self.name(), &document)
    }
}
