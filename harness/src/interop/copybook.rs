//! Receipts of copybook, `perf.json`: those that keep its schema, and those that its script writes.
//!
//! The quantiles of the summary are left out: they pool the samples of two benchmarks that differ by a factor of hundred.

use serde_json::Value;

use super::fields::Fields;
use crate::measure::{Entry, Values};

/// Whether it is meant to be one. The older report without a summary is none: its numbers are in another unit.
pub(super) fn suits(value: &Value) -> bool {
    let has = |key: &str| value.get(key).is_some();
    has("summary") && (has("benchmarks") || has("display_mibps") || has("build_profile") || has("status"))
}

/// The numbers of the summary and of every benchmark.
pub(super) fn read(value: &Value) -> Result<Vec<Entry>, String> {
    let receipt = Fields::of(value, "")?;
    receipt.text("timestamp")?;
    receipt.text("commit")?;
    if value.get("status").is_some() {
        let status = receipt.text("status")?;
        if !matches!(status, "pass" | "success" | "warning") {
            return Err(format!("status is {status:?}: a run that failed has no numbers"));
        }
    }
    let summary = Fields::of(receipt.value("summary")?, "summary")?;
    let of_summary = |id: &str, key: &str, unit: &str| {
        Ok::<_, String>(Entry::new(id, key, unit, Values::single(summary.number(key)?)))
    };
    let mut entries = vec![
        of_summary("display", "display_mibps", "MiB/s")?,
        of_summary("comp3", "comp3_mibps", "MiB/s")?,
        of_summary("memory", "max_rss_mib", "MiB")?,
    ];
    let benchmarks = value.get("benchmarks").map_or(Ok(&[][..]), |list| {
        list.as_array().map(Vec::as_slice).ok_or_else(|| "benchmarks is no array".to_owned())
    })?;
    for (index, benchmark) in benchmarks.iter().enumerate() {
        entries.extend(benchmark_entries(benchmark, &format!("benchmarks[{index}]"))?);
    }
    Ok(entries)
}

/// Every benchmark must be complete, not only one of them.
fn benchmark_entries(value: &Value, place: &str) -> Result<[Entry; 2], String> {
    let fields = Fields::of(value, place)?;
    let name = fields.text("name")?;
    fields.count("bytes_processed")?;
    let (mean, rate) = (fields.number("mean_ns")?, fields.number("mean_mibps")?);
    Ok([
        Entry::new(name, "mean_ns", "ns", Values::single(mean)),
        Entry::new(name, "mean_mibps", "MiB/s", Values::single(rate)),
    ])
}

/// CPU and cores, where the receipt names them.
pub(super) fn host(value: &Value) -> Option<String> {
    let (environment, summary) = (&value["environment"], &value["summary"]);
    let model = environment["cpu_model"].as_str().or_else(|| summary["host_cpu"].as_str())?;
    let cores = if environment["cpu_cores"].is_null() { &summary["host_cores"] } else { &environment["cpu_cores"] };
    Some(format!("{model}, {cores} cores"))
}
