//! Reads the Bencher Metric Format: a map of benchmarks, each a map of measures. The format has no units and no
//! directions; they are known only for measures and benchmarks that this harness writes.

use serde_json::Value;

use super::fields::Fields;
use crate::measure::metric::bencher::COUNT;
use crate::measure::metric::{Better, Kind, find, measures};
use crate::measure::{Entry, Values};

/// A measure that Bencher defines itself and that no metric of this harness uses.
const BUILD_TIME: (&str, &str) = ("build-time", "s");

/// Reads the entries in the order of their names.
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
    let (unit, known) = unit_and_direction(measure);
    let ours = find(id);
    Ok(Entry {
        better: known.or_else(|| ours.map(|metric| metric.better)),
        kind: ours.map_or(Kind::Sampled, |metric| metric.kind),
        interval: low.zip(high),
        ..Entry::new(id, measure, unit, Values::single(point))
    })
}

/// Returns the unit and the direction of a measure, if they are known. A count has a direction only for metrics of this
/// harness.
fn unit_and_direction(measure: &str) -> (&'static str, Option<Better>) {
    if measure == BUILD_TIME.0 {
        return (BUILD_TIME.1, Some(Better::Lower));
    }
    let ours = measures().into_iter().find(|ours| ours.slug == measure);
    ours.map_or(("", None), |ours| (ours.label, Some(ours.better).filter(|_| ours.slug != COUNT.slug)))
}
