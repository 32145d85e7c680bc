//! Criterion directories: the samples in `new/`. What lies in `base/` and `change/` is not of this run; `change/` even holds
//! shares under the name of times.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::fields::Fields;
use super::{Error, strict};
use crate::measure::{Entry, Layout, Values};

const BENCHMARK: &str = "benchmark.json";
const SAMPLE: &str = "sample.json";

/// The roots of all Criterion directories at or below `folder`, sorted: a benchmark says itself at which path below its root
/// it lies, so that a folder of several runs is told from one run.
///
/// # Errors
/// [`Error`] when a folder or a benchmark cannot be read.
pub fn directories(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut roots = Vec::new();
    for bench in benches(folder)? {
        roots.push(root_of(&bench)?);
    }
    roots.sort();
    roots.dedup();
    Ok(roots)
}

/// The entries of one directory: time per iteration and, where the benchmark declares it, throughput.
pub(super) fn read(root: &Path) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for bench in benches(root)? {
        if root_of(&bench)? == root {
            let malformed = |why| Error::Malformed { path: bench.join("new"), layout: Layout::Criterion, why };
            let (about, sample) = (json(&bench.join("new").join(BENCHMARK))?, json(&bench.join("new").join(SAMPLE))?);
            entries.extend(bench_entries(&about, &sample).map_err(malformed)?);
        }
    }
    Ok(entries)
}

/// Every folder below `folder` (itself included) that has a `new/benchmark.json`, sorted.
fn benches(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => Error::Missing { path: folder.to_owned() },
        _ => Error::Unreadable { path: folder.to_owned(), source },
    };
    let mut found = Vec::new();
    if folder.join("new").join(BENCHMARK).is_file() {
        found.push(folder.to_owned());
    }
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // Links are not followed: they could lead in circles.
        if entry.file_type().map_err(unreadable)?.is_dir() {
            found.extend(benches(&entry.path())?);
        }
    }
    found.sort();
    Ok(found)
}

/// Where the directory begins to which the benchmark belongs.
fn root_of(bench: &Path) -> Result<PathBuf, Error> {
    let path = bench.join("new").join(BENCHMARK);
    let malformed = |why: String| Error::Malformed { path: path.clone(), layout: Layout::Criterion, why };
    let about = json(&path)?;
    let fields = Fields::of(&about, "").map_err(malformed)?;
    let name = Path::new(fields.text("directory_name").map_err(malformed)?);
    let depth = name.components().count();
    match bench.ancestors().nth(depth) {
        Some(root) if bench.ends_with(name) => Ok(root.to_owned()),
        _ => Err(malformed(format!("directory_name is {}, and that is not where it lies", name.display()))),
    }
}

fn json(path: &Path) -> Result<Value, Error> {
    let text = super::read(path)?;
    strict::parse(&text).map_err(|error| Error::NotJson { path: path.to_owned(), why: error.to_string() })
}

fn bench_entries(about: &Value, sample: &Value) -> Result<Vec<Entry>, String> {
    let about = Fields::of(about, BENCHMARK)?;
    let id = about.text("full_id")?;
    let mut times = times(sample)?;
    times.sort_by(f64::total_cmp);
    let n = Some(times.len() as u64);
    let (p50, p95) = (quantile(&times, 0.5), quantile(&times, 0.95));
    let values = Values { p50: Some(p50), p95: Some(p95), value: None };
    let mut entries = vec![Entry { n, ..Entry::new(id, "time", "ns", values) }];
    if let Some((per_iteration, unit)) = about.value("throughput").ok().and_then(throughput) {
        let rate = Values { p50: Some(per_iteration / (p50 / 1e9)), ..Values::default() };
        entries.push(Entry { n, ..Entry::new(id, "throughput", unit, rate) });
    }
    Ok(entries)
}

/// What one iteration carries: `{"Bytes": 1024}`.
fn throughput(value: &Value) -> Option<(f64, &'static str)> {
    let (kind, amount) = value.as_object()?.iter().next()?;
    let unit = match kind.as_str() {
        "Bytes" | "BytesDecimal" => "B/s",
        "Elements" => "elements/s",
        _ => return None,
    };
    Some((amount.as_f64()?, unit))
}

/// Nanoseconds per iteration, one value per sample.
fn times(sample: &Value) -> Result<Vec<f64>, String> {
    let list = |key: &str| {
        let list = sample.get(key).and_then(Value::as_array).ok_or_else(|| format!("{SAMPLE} has no array {key}"))?;
        let numbers: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
        numbers.ok_or_else(|| format!("{key} of {SAMPLE} holds something that is no number"))
    };
    let (iterations, totals) = (list("iters")?, list("times")?);
    if iterations.len() != totals.len() || totals.is_empty() {
        return Err(format!("{SAMPLE} has {} iters and {} times", iterations.len(), totals.len()));
    }
    if iterations.iter().any(|count| *count < 1.0) {
        return Err(format!("{SAMPLE} has a sample without an iteration"));
    }
    Ok(totals.iter().zip(&iterations).map(|(total, count)| total / count).collect())
}

/// Linear between neighbours, as numpy does it.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (below, share) = (at.floor() as usize, at.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_samples() {
        let sorted: Vec<f64> = (1..=21).map(f64::from).collect();
        assert_eq!((quantile(&sorted, 0.5), quantile(&sorted, 0.95)), (11.0, 20.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.5), 1.5);
        assert_eq!(quantile(&[7.0], 0.95), 7.0);
    }
}
