//! Renders `bench_metrics.json`, the Bencher Metric Format: a map of metrics, each a map of measures.
//!
//! Bencher rejects the whole file if it contains a null or a string. Therefore only finite values of valid stages are
//! written, missing interval ends are omitted, and no unit or note is added. Advisory metrics keep their plain id; a
//! far quantile has a separate measure (`latency-tail`), so that it can have a wider threshold.

use serde::{Serialize, Serializer};

use super::{Error, ReportFormat, Summary};
use crate::measure::metric::find;
use harness_stats::Estimate;

pub(super) struct Bencher;

impl ReportFormat for Bencher {
    fn name(&self) -> &'static str {
        "bencher"
    }

    fn file_name(&self) -> &'static str {
        "bench_metrics.json"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        super::pretty(self.name(), &of(summary.valid().map(|(metric, estimate)| (metric.id.as_str(), *estimate))))
    }
}

/// Creates the document of these metrics. Metrics that are not in the metric table have no measure and are omitted.
pub(super) fn of<'a>(metrics: impl Iterator<Item = (&'a str, Estimate)>) -> InOrder<'a> {
    let measured = metrics.filter_map(|(id, estimate)| {
        let metric = find(id)?;
        Some((id, Measures(metric.bencher.slug, Values::new(&estimate, metric.bencher.scale(metric.unit)))))
    });
    InOrder(measured.collect())
}

/// A map that keeps the order of the metric table.
pub(super) struct InOrder<'a>(Vec<(&'a str, Measures)>);

struct Measures(&'static str, Values);

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Values {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

impl Values {
    fn new(estimate: &Estimate, scale: f64) -> Self {
        let scaled = |value: f64| scaled(value, scale);
        Self {
            value: scaled(estimate.point),
            lower_value: estimate.interval.map(|interval| scaled(interval.low)),
            upper_value: estimate.interval.map(|interval| scaled(interval.high)),
        }
    }
}

/// Converts to the unit of the measure; a product is rounded to thousandths (of a nanosecond), which removes
/// floating-point noise.
fn scaled(value: f64, scale: f64) -> f64 {
    if scale == 1.0 { value } else { (value * scale * 1e3).round() / 1e3 }
}

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, measures)| (id, measures)))
    }
}

/// The structure that Bencher publishes; names are limited as its decoder does.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for InOrder<'_> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Metrics".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "propertyNames": { "minLength": 1, "maxLength": 1024 },
            "additionalProperties": {
                "description": "The measures of one benchmark.",
                "type": "object",
                "minProperties": 1,
                "propertyNames": { "minLength": 1, "maxLength": 64, "pattern": "^\\S(.*\\S)?$" },
                "additionalProperties": generator.subschema_for::<Values>()
            }
        })
    }
}

impl Serialize for Measures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.0, &self.1)])
    }
}
