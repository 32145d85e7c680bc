//! Reads numbers from Criterion's directory.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::interop::criterion::{self, Sample};
use crate::interop::{Error, budget};
use crate::measure::metric::Unit;
use crate::measure::numbers::quantile;
use crate::stages::import::facts::Import;
use crate::stages::import::metrics;
use crate::stages::import::work::Work;
use harness_base::clock;
use harness_base::units::hexadecimal;
use harness_base::words::nearest;

/// Samples below which a quantile of 0.99 is almost their maximum.
const SAMPLES_OF_A_TAIL: u64 = 100;

impl Work {
    pub(super) fn import_criterion(&self, folder: &Path, dir: &Path) -> Result<Vec<Import>, Error> {
        let root = folder.join(dir);
        let benches = criterion::by_id(&root)?;
        let import = |(id, metric): &(String, &'static str)| {
            let path = find(&root, &benches, id)?;
            self.import(folder_of(&root, dir), path, id, metric)
        };
        self.names.iter().map(import).collect()
    }

    fn import(&self, above: &Path, path: &Path, id: &str, metric: &'static str) -> Result<Import, Error> {
        let file = path.join("new").join(criterion::SAMPLE);
        let written = self.fresh(&file, id)?;
        let sample = criterion::sample(path)?;
        if let Some(budget::Found { label, p50, p95, budget_ms }) = budget::find(&[sample.entry(id)]) {
            return Err(Error::Budget { path: file, label, p50, p95, budget_ms });
        }
        let samples = sample.times.len() as u64;
        let tail = metric.ends_with("_p99");
        Ok(Import {
            metric: metric.to_owned(),
            bench: id.to_owned(),
            source: file.strip_prefix(above).unwrap_or(&file).display().to_string(),
            sha256: hexadecimal(&Sha256::digest(sample.text.as_bytes())),
            written_at: clock::rfc3339(written),
            samples,
            iterations: sample.iterations,
            values: values(path, id, metric, &sample)?,
            advisory: if tail { advisory(samples, sample.iterations) } else { None },
        })
    }
}

/// Returns the values of a metric, in its unit.
fn values(path: &Path, id: &str, metric: &str, sample: &Sample) -> Result<Vec<f64>, Error> {
    let unit = metrics::METRICS.iter().find(|row| row.id == metric).map_or(Unit::Micros, |row| row.unit);
    if unit == Unit::MegabytesPerSecond {
        let bytes = criterion::bytes_per_iteration(path)?;
        let bytes = bytes.ok_or_else(|| Error::NoBytes { path: path.to_owned(), bench: id.to_owned() })?;
        // Bytes per nanosecond are gigabytes per second.
        return Ok(sample.times.iter().map(|nanos| bytes / nanos * 1e3).collect());
    }
    let per_unit = if unit == Unit::Millis { 1e6 } else { 1e3 };
    if metric.ends_with("_p99") {
        return Ok(vec![quantile(&sample.sorted(), 0.99) / per_unit]);
    }
    Ok(sample.times.iter().map(|nanos| nanos / per_unit).collect())
}

fn find<'b>(root: &Path, benches: &'b [(String, PathBuf)], id: &str) -> Result<&'b Path, Error> {
    let found = benches.iter().find(|(known, _)| known == id);
    found.map(|(_, path)| path.as_path()).ok_or_else(|| {
        let known: Vec<&str> = benches.iter().map(|(known, _)| known.as_str()).collect();
        let near = nearest(id, known.iter().copied())
            .map_or_else(|| format!("it has {}", known.join(", ")), |near| format!("did you mean {near}?"));
        Error::NoBench { path: root.to_owned(), bench: id.to_owned(), near }
    })
}

/// Returns the part before the directory as written, because a record contains the path of the scenario's author, not
/// that of this machine.
fn folder_of<'a>(root: &'a Path, dir: &Path) -> &'a Path {
    root.ancestors().nth(dir.components().count()).unwrap_or(root)
}

/// Returns why a quantile of 0.99 must not gate, usually because each sample is a mean that hides the slowest
/// iterations.
fn advisory(samples: u64, iterations: u64) -> Option<String> {
    if samples < SAMPLES_OF_A_TAIL {
        return Some(format!("{samples} samples, {SAMPLES_OF_A_TAIL} needed for a quantile of 0.99"));
    }
    (iterations > 1)
        .then(|| format!("each sample is the mean of up to {iterations} iterations, which hides the slowest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_of_few_or_of_mean_samples_does_not_gate() {
        assert!(advisory(99, 1).unwrap().starts_with("99 samples, 100 needed"));
        assert!(advisory(100, 2).unwrap().contains("the mean of up to 2 iterations"));
        assert_eq!(advisory(100, 1), None);
    }
}
