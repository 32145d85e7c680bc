//! `verdict.json`: what CI needs to act, without decoding exit codes.

use serde::Serialize;

use super::comment::testbed_name;
use super::{Error, ReportFormat, Summary};
use crate::measure::metric::{Better, Unit};
use crate::measure::record::Retry;
use crate::verdict::bottleneck::Bottleneck;
use crate::verdict::judgement::{ClaimFinding, Finding, Measured, StageFinding};

pub(super) struct Json;

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    verdict: &'static str,
    exit_code: u8,
    headline: &'a str,
    reasons: Vec<String>,
    run_id: &'a str,
    scenario: &'a str,
    testbed: String,
    started_at: &'a str,
    partial: bool,
    #[serde(skip_serializing_if = "<[Retry]>::is_empty")]
    retries: &'a [Retry],
    #[serde(skip_serializing_if = "Option::is_none")]
    compared_with: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    override_reason: Option<&'a str>,
    stages: Vec<Stage<'a>>,
    targets: &'a [ClaimFinding],
    findings: &'a [Finding],
    metrics: Vec<Metric<'a>>,
}

/// A stage, flat.
#[derive(Serialize)]
struct Stage<'a> {
    name: &'a str,
    state: &'static str,
    reasons: Vec<String>,
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
            notes: &found.notes,
            bottleneck: found.bottleneck.as_ref(),
        }
    }
}

/// A metric, flat: what is not there is left out.
#[derive(Serialize)]
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
    coverage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
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
