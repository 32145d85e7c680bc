//! Bencher Metric Format: a map of benchmarks, each a map of measures. It has no units and no directions; those of measures
//! and benchmarks that we write are known, all others stay unknown.

use serde_json::Value;

use super::fields::Fields;
use crate::measure::metric::{Better, Kind, find};
use crate::measure::{Entry, Values};

/// Measures that Bencher has by itself, or that we give a unit; everything else has none.
const UNITS: &[(&str, &str, Option<Better>)] = &[
    ("latency", "ns", Some(Better::Lower)),
    ("latency-tail", "ns", Some(Better::Lower)),
    ("overhead", "ns", Some(Better::Lower)),
    ("cpu-time", "ns", Some(Better::Lower)),
    ("overhead-percent", "%", Some(Better::Lower)),
    ("cpu-percent", "%", Some(Better::Lower)),
    ("throttled", "%", Some(Better::Lower)),
    ("throughput", "ops/s", Some(Better::Higher)),
    ("file-size", "bytes", Some(Better::Lower)),
    ("memory", "bytes", Some(Better::Lower)),
    ("build-time", "s", Some(Better::Lower)),
    ("count", "count", None),
];

/// Its entries, in the order of their names.
pub(super) fn read(value: &Value) -> Result<Vec<Entry>, String> {
    let benchmarks = Fields::of(value, "")?;
    let mut entries = Vec::new();
    for id in benchmarks.keys() {
        let measures = Fields::of(benchmarks.value(id)?, id)?;
        let before = entries.len();
        for measure in measures.keys() {
            entries.push(entry(id, measure, measures.value(measure)?)?);
        }
        if entries.len() == before {
            return Err(format!("{id} has no measure"));
        }
    }
    Ok(entries)
}

fn entry(id: &str, measure: &str, value: &Value) -> Result<Entry, String> {
    let place = format!("{id}.{measure}");
    let fields = Fields::of(value, &place)?;
    fields.only(&["value", "lower_value", "upper_value"])?;
    let point = fields.number("value")?;
    let (low, high) = (fields.optional_number("lower_value")?, fields.optional_number("upper_value")?);
    if low.is_some_and(|low| low > point) || high.is_some_and(|high| high < point) {
        return Err(format!("{place}.value ({point}) is outside of its bounds"));
    }
    let (unit, known) = UNITS.iter().find(|row| row.0 == measure).map_or(("", None), |row| (row.1, row.2));
    let ours = find(id);
    Ok(Entry {
        better: known.or_else(|| ours.map(|metric| metric.better)),
        kind: ours.map_or(Kind::Sampled, |metric| metric.kind),
        interval: low.zip(high),
        ..Entry::new(id, measure, unit, Values::single(point))
    })
}
