//! Reads Criterion directories: the samples in `new/`. `base/` and `change/` do not belong to the run; `change/` even
//! contains ratios under the names of times.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::fields::Fields;
use super::{Error, strict};
use crate::measure::numbers::quantile;
use crate::measure::{Entry, Layout, Values};

const BENCHMARK: &str = "benchmark.json";
pub(crate) const SAMPLE: &str = "sample.json";

/// Finds the roots of all Criterion directories at or below `folder`, sorted. Each benchmark stores its path below its
/// root, which separates several runs in one folder.
///
/// # Errors
/// Returns an [`Error`] if a folder or a benchmark cannot be read.
pub fn directories(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut roots = Vec::new();
    for bench in benches(folder)? {
        roots.push(root_of(&bench)?);
    }
    roots.sort();
    roots.dedup();
    Ok(roots)
}

/// Reads the entries of one directory: the time per iteration and, if the benchmark declares it, the throughput.
pub(crate) fn read(root: &Path) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for bench in benches(root)? {
        if root_of(&bench)? == root {
            let malformed = |why| Error::Malformed { path: bench.join("new"), layout: Layout::Criterion, why };
            let (about, sample) = (json(&bench.join("new").join(BENCHMARK))?, sample(&bench)?);
            entries.extend(bench_entries(&about, &sample).map_err(malformed)?);
        }
    }
    Ok(entries)
}

/// Finds every folder at or below `folder` with a `new/benchmark.json`, sorted.
fn benches(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound => Error::Missing { path: folder.to_owned() },
        _ => Error::Unreadable { path: folder.to_owned(), cause },
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

/// Returns the root directory of a benchmark.
fn root_of(bench: &Path) -> Result<PathBuf, Error> {
    let path = bench.join("new").join(BENCHMARK);
    let malformed = |why: String| Error::Malformed { path: path.clone(), layout: Layout::Criterion, why };
    let about = json(&path)?;
    let fields = Fields::of(&about, "").map_err(malformed)?;
    let name = Path::new(fields.text("directory_name").map_err(malformed)?);
    let depth = name.components().count();
    match bench.ancestors().nth(depth) {
        Some(root) if bench.ends_with(name) => Ok(root.to_owned()),
        _ => Err(malformed(format!("directory_name is {}, which is not its path", name.display()))),
    }
}

fn json(path: &Path) -> Result<Value, Error> {
    let text = super::read(path)?;
    strict::parse(&text).map_err(|cause| Error::NotJson { path: path.to_owned(), cause })
}

/// The samples of one benchmark.
pub(crate) struct Sample {
    pub(crate) text: String,
    /// Nanoseconds per iteration, one value per sample.
    pub(crate) times: Vec<f64>,
    /// Largest number of iterations in one sample.
    pub(crate) iterations: u64,
}

impl Sample {
    /// Returns the times in ascending order.
    pub(crate) fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.times.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// Returns the quantiles of the time per iteration.
    pub(crate) fn entry(&self, id: &str) -> Entry {
        let sorted = self.sorted();
        let (p50, p95) = (quantile(&sorted, 0.5), quantile(&sorted, 0.95));
        let values = Values { p50: Some(p50), p95: Some(p95), value: None };
        Entry { n: Some(sorted.len() as u64), ..Entry::new(id, "time", "ns", values) }
    }
}

/// Finds every benchmark at or below `folder`, with its full id and its folder.
///
/// # Errors
/// Returns an [`Error`] if there is none, one cannot be read, or two have the same id.
pub(crate) fn by_id(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for bench in benches(folder)? {
        let path = bench.join("new").join(BENCHMARK);
        let malformed = |why: String| Error::Malformed { path: path.clone(), layout: Layout::Criterion, why };
        let about = json(&path)?;
        let id =
            Fields::of(&about, "").and_then(|fields| fields.text("full_id").map(str::to_owned)).map_err(malformed)?;
        if let Some((_, other)) = found.iter().find(|(known, _)| *known == id) {
            return Err(malformed(format!("{id} lies in {} too; name the folder of one run", other.display())));
        }
        found.push((id, bench));
    }
    if found.is_empty() { Err(Error::Empty { path: folder.to_owned() }) } else { Ok(found) }
}

/// Returns the bytes of one iteration, if the benchmark in this folder declares them.
///
/// # Errors
/// Returns an [`Error`] if its description cannot be read.
pub(crate) fn bytes_per_iteration(bench: &Path) -> Result<Option<f64>, Error> {
    let about = json(&bench.join("new").join(BENCHMARK))?;
    let declared = about.get("throughput").and_then(throughput);
    Ok(declared.filter(|(_, unit)| *unit == "B/s").map(|(amount, _)| amount))
}

/// Reads the samples in `new/` of the folder of a benchmark.
pub(crate) fn sample(bench: &Path) -> Result<Sample, Error> {
    let path = bench.join("new").join(SAMPLE);
    let text = super::read(&path)?;
    let value = strict::parse(&text).map_err(|cause| Error::NotJson { path: path.clone(), cause })?;
    let (times, iterations) = times(&value).map_err(|why| Error::Malformed { path, layout: Layout::Criterion, why })?;
    Ok(Sample { text, times, iterations })
}

fn bench_entries(about: &Value, sample: &Sample) -> Result<Vec<Entry>, String> {
    let about = Fields::of(about, BENCHMARK)?;
    let id = about.text("full_id")?;
    let time = sample.entry(id);
    let (n, p50) = (time.n, time.values.p50);
    let mut entries = vec![time];
    if let Some((per_iteration, unit)) = about.value("throughput").ok().and_then(throughput) {
        let rate = Values { p50: p50.map(|p50| per_iteration / (p50 / 1e9)), ..Values::default() };
        entries.push(Entry { n, ..Entry::new(id, "throughput", unit, rate) });
    }
    Ok(entries)
}

/// Reads the throughput of one iteration: `{"Bytes": 1024}`.
fn throughput(value: &Value) -> Option<(f64, &'static str)> {
    let (kind, amount) = value.as_object()?.iter().next()?;
    let unit = match kind.as_str() {
        "Bytes" | "BytesDecimal" => "B/s",
        "Elements" => "elements/s",
        _ => return None,
    };
    Some((amount.as_f64()?, unit))
}

/// Returns nanoseconds per iteration for each sample, and the largest number of iterations in a sample.
fn times(sample: &Value) -> Result<(Vec<f64>, u64), String> {
    let list = |key: &str| {
        let list = sample.get(key).and_then(Value::as_array).ok_or_else(|| format!("{SAMPLE} has no array {key}"))?;
        let numbers: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
        numbers.ok_or_else(|| format!("{key} of {SAMPLE} contains a value that is not a number"))
    };
    let (iterations, totals) = (list("iters")?, list("times")?);
    if iterations.len() != totals.len() || totals.is_empty() {
        return Err(format!("{SAMPLE} has {} iters and {} times", iterations.len(), totals.len()));
    }
    if iterations.iter().any(|count| *count < 1.0) {
        return Err(format!("{SAMPLE} has a sample without an iteration"));
    }
    let most = iterations.iter().copied().fold(1.0, f64::max) as u64;
    Ok((totals.iter().zip(&iterations).map(|(total, count)| total / count).collect(), most))
}
