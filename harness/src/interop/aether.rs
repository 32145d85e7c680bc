//! Reads Aether bench JSON: one object with one benchmark.

use serde_json::Value;

use super::fields::Fields;
use crate::measure::{Entry, Values};

const KEYS: [&str; 8] = ["bench_id", "metric", "unit", "p50", "p95", "n", "timestamp", "notes"];

/// Returns whether this looks like Aether's format. Two of its keys are enough, so that an incomplete file gets a
/// specific error.
pub(super) fn suits(value: &Value) -> bool {
    let has = |key: &&&str| value.get(**key).is_some_and(|value| !value.is_object());
    KEYS.iter().filter(|key| **key != "timestamp").filter(has).count() >= 2
}

pub(super) fn read(value: &Value) -> Result<Vec<Entry>, String> {
    let fields = Fields::of(value, "")?;
    fields.only(&KEYS)?;
    let (id, metric, unit) = (fields.text("bench_id")?, fields.text("metric")?, fields.text("unit")?);
    let (p50, p95, n) = (fields.number("p50")?, fields.number("p95")?, fields.count("n")?);
    let timestamp = fields.text("timestamp")?;
    if value.get("notes").is_some() {
        fields.text("notes")?;
    }
    let needed = match metric {
        "duration_ms" => "ms",
        "throughput_mbs" => "MB/s",
        _ => return Err(format!("metric is {metric:?}, expected duration_ms or throughput_mbs")),
    };
    if unit != needed {
        return Err(format!("unit is {unit:?}, but {metric} needs {needed}"));
    }
    if p95 < p50 {
        return Err(format!("p95 ({p95}) is below p50 ({p50})"));
    }
    if !is_instant(timestamp) {
        return Err(format!("timestamp is {timestamp:?}; write it as 2026-01-31T12:00:00Z"));
    }
    let values = Values { p50: Some(p50), p95: Some(p95), value: None };
    Ok(vec![Entry { n: Some(n), ..Entry::new(id, metric, unit, values) }])
}

/// Returns whether a text is a time such as `2026-01-31T12:00:00`, with or without fraction and offset.
fn is_instant(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    let number = |from: usize| text.get(from..from + 2).and_then(|digits| digits.parse::<u8>().ok()).unwrap_or(99);
    bytes.len() >= SHAPE.len()
        && bytes.iter().zip(SHAPE).all(fits)
        && bytes[SHAPE.len()..].iter().all(|byte| byte.is_ascii_digit() || b".:+-Z".contains(byte))
        && (1..=12).contains(&number(5))
        && (1..=31).contains(&number(8))
        && number(11) < 24
        && number(14) < 60
        && number(17) < 61
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_distinguished_from_other_texts() {
        for text in ["2025-10-13T00:00:00Z", "2026-01-31T12:00:00.123456+02:00", "2026-01-31T12:00:60Z"] {
            assert!(is_instant(text), "{text}");
        }
        for text in ["never", "2026-01-31", "2026-13-01T00:00:00Z", "2026-01-31T12:00:00 ago", "1761000000"] {
            assert!(!is_instant(text), "{text}");
        }
    }
}
