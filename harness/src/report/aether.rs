//! Renders `aether/bench-*.json`, Aether's bench JSON: one file per benchmark, because its checker takes one file per
//! side.
//!
//! Its two metrics are durations in milliseconds and throughputs in MB/s. A request rate is neither, and the checker
//! would treat an unknown metric as a duration, so other rates, sizes and shares are omitted. Advisory metrics are
//! omitted too, because the format cannot mark them. Quantiles are those of the rounds or launches, and `n` counts
//! these, never requests. The benchmark of a stage has the name of the stage: stage `pack` writes `bench-pack.json`.

use serde::Serialize;

use super::{Error, ReportFormat, Summary};
use crate::measure::metric::{Unit, find};
use crate::measure::numbers::quantile;
use crate::verdict::judgement::Measured;
use harness_stats::Sample;

pub(super) struct Aether;

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(
    extend("if" = serde_json::json!({ "properties": { "metric": { "const": "duration_ms" } } })),
    extend("then" = serde_json::json!({ "properties": { "unit": { "const": "ms" } } })),
    extend("else" = serde_json::json!({ "properties": { "unit": { "const": "MB/s" } } })),
))]
pub(super) struct Bench<'a> {
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"\S")))]
    bench_id: &'a str,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["duration_ms", "throughput_mbs"])))]
    metric: &'static str,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["ms", "MB/s"])))]
    unit: &'static str,
    p50: f64,
    /// Not below p50, which the reader checks.
    p95: f64,
    /// Values behind the quantiles: rounds or launches, never requests.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    n: usize,
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Instant"))]
    timestamp: &'a str,
    /// Never empty; other writers leave it out.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"\S")))]
    notes: String,
}

impl ReportFormat for Aether {
    fn name(&self) -> &'static str {
        "aether"
    }

    fn file_name(&self) -> &'static str {
        "aether/"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let mut lines = Vec::new();
        for bench in benches(summary) {
            serde_json::to_writer(&mut lines, &bench).map_err(|cause| Error::NoJson { format: self.name(), cause })?;
            lines.push(b'\n');
        }
        Ok(lines)
    }

    fn files(&self, summary: &Summary<'_>) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let file = |bench: Bench<'_>| {
            let name = format!("aether/bench-{}.json", bench.bench_id.replace(['/', '@'], "-"));
            Ok((name, super::pretty(self.name(), &bench)?))
        };
        benches(summary).map(file).collect()
    }
}

fn benches<'a>(summary: &Summary<'a>) -> impl Iterator<Item = Bench<'a>> {
    let record = summary.record;
    summary.valid().filter(|(metric, _)| metric.advisory.is_none()).filter_map(|(metric, _)| {
        let row = find(&metric.id)?;
        // The file of the median has this quantile too.
        let (name, unit, sorted) = values(metric).filter(|_| row.quantile.is_none())?;
        Some(Bench {
            bench_id: if row.benchmark { &metric.stage } else { &metric.id },
            metric: name,
            unit,
            p50: quantile(&sorted, 0.5),
            p95: quantile(&sorted, 0.95),
            n: sorted.len(),
            timestamp: &record.started_at,
            notes: format!(
                "quantiles of the rounds or launches of run {} of scenario {}; harness {}",
                record.run_id, record.scenario.name, record.tool.version
            ),
        })
    })
}

/// Returns the name of the quantity, its unit, and the values, sorted; `None` for what the format lacks.
fn values(metric: &Measured) -> Option<(&'static str, &'static str, Vec<f64>)> {
    let (name, unit, per_unit) = match metric.unit {
        Unit::Millis => ("duration_ms", "ms", 1.0),
        Unit::Micros => ("duration_ms", "ms", 1e3),
        Unit::MegabytesPerSecond => ("throughput_mbs", "MB/s", 1.0),
        Unit::Bytes | Unit::Percent | Unit::PerSecond | Unit::ConnectionsPerSecond | Unit::Count => return None,
    };
    let sample = Sample::new(metric.rounds().to_vec()).ok()?;
    Some((name, unit, sample.sorted().into_iter().map(|value| value / per_unit).collect()))
}
