//! Reads receipts of copybook (`perf.json`), both those that follow its schema and those that its script writes.
//!
//! The quantiles of the summary are ignored, because they pool the samples of two benchmarks that differ by a factor of
//! a hundred. Receipts of this harness have the same layout but other benchmarks, each with a unit, a value and an
//! interval.

use serde_json::Value;

use super::fields::Fields;
use crate::measure::canonical::Json;
use crate::measure::metric::find;
use crate::measure::{Entry, Values};

/// Returns whether this looks like a receipt. The older report without a summary is not accepted, because its numbers
/// have another unit.
pub(super) fn suits(value: &Value) -> bool {
    let has = |key: &str| value.get(key).is_some();
    has("summary") && (has("benchmarks") || has("display_mibps") || has("build_profile") || has("status"))
}

/// Reads the numbers of the summary and of every benchmark.
pub(super) fn read(value: &Value) -> Result<Vec<Entry>, String> {
    let receipt = Fields::of(value, "")?;
    receipt.text("timestamp")?;
    let ours = is_ours(value);
    // A run that was started outside of a working copy has no commit.
    if !ours || value.get("commit").is_some() {
        receipt.text("commit")?;
    }
    let benchmarks = value.get("benchmarks").map_or(Ok(&[][..]), |list| {
        list.as_array().map(Vec::as_slice).ok_or_else(|| "benchmarks is not an array".to_owned())
    })?;
    let place = |index: usize| format!("benchmarks[{index}]");
    if ours {
        return benchmarks.iter().enumerate().map(|(index, benchmark)| our_entry(benchmark, &place(index))).collect();
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
    for (index, benchmark) in benchmarks.iter().enumerate() {
        entries.extend(benchmark_entries(benchmark, &place(index))?);
    }
    Ok(entries)
}

/// Returns whether this harness wrote the receipt.
fn is_ours(value: &Value) -> bool {
    value["generator"]["name"] == "harness"
}

/// Reads a benchmark that this harness wrote.
fn our_entry(value: &Value, place: &str) -> Result<Entry, String> {
    let fields = Fields::of(value, place)?;
    fields.only(&["name", "unit", "value", "lower", "upper", "n", "mean_ns"])?;
    let (name, unit) = (fields.text("name")?, fields.text("unit")?);
    fields.optional_number("mean_ns")?;
    let ends = fields.optional_number("lower")?.zip(fields.optional_number("upper")?);
    let point = fields.number("value")?;
    if ends.is_some_and(|(low, high)| point < low || point > high) {
        return Err(format!("{place}.value ({point}) is outside of its bounds"));
    }
    let mut entry = Entry::new(name, name, unit, Values::single(point));
    (entry.n, entry.interval) = (Some(fields.count("n")?), ends);
    if let Some(metric) = find(name) {
        (entry.better, entry.kind) = (Some(metric.better), metric.kind);
    }
    Ok(entry)
}

/// Returns the status of a failed run, if the receipt is of one.
pub(super) fn failed(value: &Value) -> Option<String> {
    let status = value.get("status")?;
    let fine = matches!(status.as_str(), Some("pass" | "success" | "warning"));
    (!fine).then(|| status.to_string())
}

/// A digest that does not match the content.
#[derive(Debug, PartialEq)]
pub(super) struct Tampered {
    /// The digest of the content.
    pub(super) found: String,
    /// The digest the file states.
    pub(super) stored: String,
}

/// Checks the digest of a receipt that has one: SHA-256 of the canonical JSON without `integrity`. Copybook's script
/// includes a newline; versions of jq differ in whether they keep the point of `1.0`.
pub(super) fn check_integrity(text: &str) -> Result<(), Tampered> {
    let Ok(receipt) = serde_json::from_str::<Json<'_>>(text) else { return Ok(()) };
    let Some(integrity) = receipt.get("integrity") else { return Ok(()) };
    let stored = integrity.get("sha256").and_then(Json::as_str).unwrap_or("nothing").to_owned();
    let content = receipt.without("integrity");
    let found = content.digest_of_line();
    let whole = content.clone().with_whole_numbers();
    let fits = [found.clone(), content.digest(), whole.digest_of_line(), whole.digest()].contains(&stored);
    if fits { Ok(()) } else { Err(Tampered { found, stored }) }
}

/// Reads every benchmark; each must be complete.
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

/// Returns CPU and cores, if the receipt names them.
pub(super) fn host(value: &Value) -> Option<String> {
    let (environment, summary) = (&value["environment"], &value["summary"]);
    let model = environment["cpu_model"].as_str().or_else(|| summary["host_cpu"].as_str())?;
    let cores = if environment["cpu_cores"].is_null() { &summary["host_cores"] } else { &environment["cpu_cores"] };
    Some(format!("{model}, {cores} cores"))
}
