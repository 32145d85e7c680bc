//! Reads the flat array of REQ-OBS-001 section 8.1: names, values, units.

use serde_json::Value;

use super::fields::Fields;
use crate::measure::metric::find;
use crate::measure::{Entry, Values};

/// Units of values that are not numbers.
const FACTS: [&str; 2] = ["string", "bool"];

/// Reads its numbers in the order of the file, without facts.
pub(super) fn read(value: &Value) -> Result<Vec<Entry>, String> {
    let items = value.as_array().into_iter().flatten();
    let entries = items.enumerate().map(|(index, item)| entry(item, &format!("[{index}]")));
    entries.filter_map(Result::transpose).collect()
}

fn entry(item: &Value, place: &str) -> Result<Option<Entry>, String> {
    let fields = Fields::of(item, place)?;
    fields.only(&["name", "value", "unit"])?;
    let (name, unit) = (fields.text("name")?, fields.text("unit")?);
    if FACTS.contains(&unit) {
        return Ok(None);
    }
    let mut entry = Entry::new(name, name, unit, Values::single(fields.number("value")?));
    if let Some(metric) = find(name) {
        (entry.better, entry.kind) = (Some(metric.better), metric.kind);
    }
    Ok(Some(entry))
}
