//! Renders `gab-smaller.json` and `gab-bigger.json`, which github-action-benchmark reads with its tools
//! `customSmallerIsBetter` and `customBiggerIsBetter`. It accepts one direction per file, and finite numbers only.

use serde::Serialize;

use super::{Error, ReportFormat, Summary};
use crate::measure::metric::Better;
use harness_base::units::three_digits;
use harness_stats::Interval;

/// The format in one of its two directions.
pub(super) struct Benchmark(pub(super) Better);

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Entry<'a> {
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    name: &'a str,
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    unit: &'static str,
    value: f64,
    /// The interval, in the unit of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    /// Never empty; other writers leave it out.
    #[serde(skip_serializing_if = "String::is_empty")]
    extra: String,
}

impl ReportFormat for Benchmark {
    fn name(&self) -> &'static str {
        match self.0 {
            Better::Lower => "gab-smaller",
            Better::Higher => "gab-bigger",
        }
    }

    fn file_name(&self) -> &'static str {
        match self.0 {
            Better::Lower => "gab-smaller.json",
            Better::Higher => "gab-bigger.json",
        }
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let wanted = summary.valid().filter(|(metric, _)| metric.direction == self.0);
        let entries = wanted.map(|(metric, estimate)| {
            let advisory = metric.advisory.as_ref().map(|why| format!("; advisory: {why}")).unwrap_or_default();
            Entry {
                name: &metric.id,
                unit: metric.unit.label(),
                value: estimate.point,
                range: estimate.interval.map(range),
                extra: format!("n = {}{advisory}", estimate.n),
            }
        });
        super::pretty(self.name(), &entries.collect::<Vec<_>>())
    }
}

/// Formats the interval in the unit of the value.
fn range(ends: Interval) -> String {
    format!("[{}, {}]", three_digits(ends.low), three_digits(ends.high))
}
