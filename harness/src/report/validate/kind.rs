//! Defines the kinds of artifacts and how they are detected.

use std::path::Path;

use serde_json::Value;

use crate::interop;
use crate::measure::Layout;
use crate::measure::metric::Absent;
use crate::measure::node_line;
use crate::report::schema;

/// Advice for a file of an unknown kind.
pub(super) const HINT: &str = "name its kind with `--kind KIND`, or inspect it with `head -c 300`";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Scenario,
    /// `result.json`.
    Result,
    /// `journal.jsonl`.
    Journal,
    /// `nodes.jsonl`.
    Nodes,
    /// `verdict.json`.
    Verdict,
    /// Output of `harness compare --format json`.
    Comparison,
    Bencher,
    /// The flat array of REQ-OBS-001 section 8.1.
    Flat,
    GithubBenchmark,
    Badge,
    /// A baseline.
    Baseline,
    /// `perf.json` of this harness or of copybook.
    Receipt,
    Aether,
    Criterion,
    /// Output of `harness doctor --format json`.
    Doctor,
    /// File that `harness calibrate` writes.
    Calibration,
    /// Archive that `harness report --bundle` writes.
    Bundle,
}

impl Kind {
    pub const ALL: [Self; 17] = [
        Self::Scenario,
        Self::Result,
        Self::Journal,
        Self::Nodes,
        Self::Verdict,
        Self::Comparison,
        Self::Bencher,
        Self::Flat,
        Self::GithubBenchmark,
        Self::Badge,
        Self::Baseline,
        Self::Receipt,
        Self::Aether,
        Self::Criterion,
        Self::Doctor,
        Self::Calibration,
        Self::Bundle,
    ];

    /// Returns the name for `--kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scenario => "scenario",
            Self::Result => "result",
            Self::Journal => "journal",
            Self::Nodes => "nodes",
            Self::Verdict => "verdict",
            Self::Comparison => "compare",
            Self::Bencher => "bencher",
            Self::Flat => "flat",
            Self::GithubBenchmark => "gab",
            Self::Badge => "badge",
            Self::Baseline => "baseline",
            Self::Receipt => "perf",
            Self::Aether => "aether",
            Self::Criterion => "criterion",
            Self::Doctor => "doctor",
            Self::Calibration => "calibration",
            Self::Bundle => "bundle",
        }
    }

    pub const fn about(self) -> &'static str {
        match self {
            Self::Scenario => "a scenario",
            Self::Result => Layout::Result.word(),
            Self::Journal => "the journal of a run",
            Self::Nodes => "the lines of the nodes of a fleet",
            Self::Verdict => "a verdict",
            Self::Comparison => "a comparison",
            Self::Bencher => Layout::Bencher.word(),
            Self::Flat => Layout::Flat.word(),
            Self::GithubBenchmark => "numbers for github-action-benchmark",
            Self::Badge => "a badge",
            Self::Baseline => "a baseline",
            Self::Receipt => "a receipt",
            Self::Aether => Layout::Aether.word(),
            Self::Criterion => Layout::Criterion.word(),
            Self::Doctor => "a report of harness doctor",
            Self::Calibration => "a calibration",
            Self::Bundle => "the archive of a run",
        }
    }

    /// Returns the JSON Schema of kinds that are one JSON document; of [`Kind::Nodes`], that of each line.
    pub const fn schema(self) -> Option<&'static str> {
        match self {
            Self::Result => Some(schema::RESULT),
            Self::Nodes => Some(schema::NODES),
            Self::Verdict => Some(schema::VERDICT),
            Self::Comparison => Some(schema::COMPARE),
            Self::Bencher => Some(schema::BMF),
            Self::Flat => Some(schema::FLAT),
            Self::GithubBenchmark => Some(schema::GAB),
            Self::Badge => Some(schema::BADGE),
            Self::Baseline => Some(schema::BASELINE),
            Self::Receipt => Some(schema::RECEIPT),
            Self::Aether => Some(schema::AETHER),
            Self::Doctor => Some(schema::DOCTOR),
            Self::Calibration => Some(schema::CALIBRATION),
            // Their readers report every mistake with its line.
            Self::Scenario | Self::Journal | Self::Criterion | Self::Bundle => None,
        }
    }
}

/// Detects the kind of a file by its name and content.
pub(super) fn recognise(path: &Path, text: &str) -> Result<Kind, Absent> {
    if has_extension(path, &["toml"]) {
        return Ok(Kind::Scenario);
    }
    if is_of_nodes(path) || text.starts_with("{\"stage\":\"") {
        return Ok(Kind::Nodes);
    }
    if has_extension(path, &["jsonl"]) || text.starts_with("{\"run\":{") {
        return Ok(Kind::Journal);
    }
    // Without a valid stage, they contain nothing that identifies their kind.
    match path.file_name().and_then(|name| name.to_str()) {
        Some("bench_metrics.json") => return Ok(Kind::Bencher),
        Some("bench_metrics.flat.json") => return Ok(Kind::Flat),
        Some("gab-smaller.json" | "gab-bigger.json") => return Ok(Kind::GithubBenchmark),
        _ => {}
    }
    let value: Value = serde_json::from_str(text).map_err(|error| Absent(format!("not JSON ({error})")))?;
    let has = |keys: &[&str]| keys.iter().all(|key| value.get(key).is_some());
    if has(&["record"]) || has(&["judgement"]) {
        return Ok(Kind::Result);
    }
    if has(&["verdict", "pairs"]) {
        return Ok(Kind::Comparison);
    }
    if has(&["verdict", "exit_code"]) || has(&["run_id", "metrics"]) {
        return Ok(Kind::Verdict);
    }
    if has(&["conditions", "abilities"]) {
        return Ok(Kind::Doctor);
    }
    if has(&["fingerprint", "absent"]) {
        return Ok(Kind::Calibration);
    }
    if has(&["schemaVersion", "label"]) {
        return Ok(Kind::Badge);
    }
    if value.get(0).is_some_and(|first| first.get("extra").is_some()) {
        return Ok(Kind::GithubBenchmark);
    }
    if has(&["scenario", "runs"]) {
        return Ok(Kind::Baseline);
    }
    match interop::layout(&value) {
        Some(Layout::Aether) => Ok(Kind::Aether),
        Some(Layout::Copybook) => Ok(Kind::Receipt),
        Some(Layout::Flat) => Ok(Kind::Flat),
        Some(Layout::Bencher) => Ok(Kind::Bencher),
        Some(Layout::Result | Layout::Criterion) | None => Err(Absent(interop::looks(&value))),
    }
}

/// Returns whether the file has the name of that with the lines of all nodes.
pub(super) fn is_of_nodes(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == node_line::FILE)
}

/// Returns whether the name of the file has one of these extensions.
pub(super) fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|found| extensions.iter().any(|extension| found == *extension))
}
