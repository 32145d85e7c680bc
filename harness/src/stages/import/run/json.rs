//! Reads numbers from JSON files.

use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::interop::{self, Error};
use crate::measure::metric::Kind;
use crate::stages::import::facts::Import;
use crate::stages::import::metrics::METRICS;
use crate::stages::import::work::Work;
use harness_base::clock;
use harness_base::units::hexadecimal;

impl Work {
    /// Reads the number, or the list of numbers, at `FILE#/POINTER` (RFC 6901).
    pub(super) fn import_json(&self, folder: &Path, place: &str, metric: &'static str) -> Result<Import, Error> {
        let (file, pointer) = place.split_once('#').unwrap_or((place, ""));
        let path = folder.join(file);
        let written = self.fresh(&path, pointer)?;
        let text = interop::read(&path)?;
        let value = interop::strict::parse(&text).map_err(|cause| Error::NotJson { path: path.clone(), cause })?;
        // A count has no samples.
        let exact = METRICS.iter().any(|row| row.id == metric && row.kind == Kind::Exact);
        let values = value.pointer(pointer).and_then(numbers).filter(|values| !exact || values.len() == 1);
        let values = values.ok_or_else(|| Error::NoNumberAt { path, pointer: pointer.to_owned() })?;
        Ok(Import {
            metric: metric.to_owned(),
            bench: pointer.to_owned(),
            source: file.to_owned(),
            sha256: hexadecimal(&Sha256::digest(text.as_bytes())),
            written_at: clock::rfc3339(written),
            samples: values.len() as u64,
            iterations: 1,
            values,
            advisory: None,
        })
    }
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    let list = match value {
        Value::Array(list) => list.iter().map(Value::as_f64).collect(),
        one => one.as_f64().map(|one| vec![one]),
    };
    list.filter(|list: &Vec<f64>| !list.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_number_is_one_sample_and_a_list_is_several() {
        assert_eq!(numbers(&json!(4)), Some(vec![4.0]));
        assert_eq!(numbers(&json!([1, 2.5])), Some(vec![1.0, 2.5]));
        for none in [json!([]), json!("4"), json!([1, "2"]), json!({}), json!(null), json!([[1]])] {
            assert_eq!(numbers(&none), None, "{none}");
        }
    }
}
