//! Renders baselines as text and in the formats of other tools.

use serde::Serialize;

use super::text::wrap;
use super::{Error, bmf};
use crate::baseline::{Baseline, Held, Promoted, StoredMetric};
use crate::measure::metric::{Unit, find};
use harness_base::units::Bytes;
use harness_stats::{Estimate, Sample};

const WIDTH: usize = 80;

/// A format of `harness baseline export`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    Bencher,
    /// The flat array of REQ-OBS-001 section 8.1.
    Flat,
    Json,
}

/// Formats a count: `1 run`, `2 runs`.
pub(super) fn plural(n: usize, noun: &str) -> String {
    crate::verdict::judgement::counted(n, noun)
}

/// Describes the newest run and its metrics, 80 columns wide.
pub fn table(baseline: &Baseline) -> String {
    let Baseline { name, scenario, runs, .. } = baseline;
    let mut text = format!("baseline {name} of scenario {scenario}: {}\n", plural(runs.len(), "run"));
    let Some(run) = baseline.newest() else { return text };
    for message in about(run) {
        text.push_str(&wrap(&message, WIDTH, "  ", "    "));
    }
    text.push_str(&format!("\n{:<33}{:>15}  {:<22}{:>4}\n", "", "value", "interval", "n"));
    text.push_str(&run.metrics.iter().map(row).collect::<String>());
    let mut advisories: Vec<&str> = run.metrics.iter().filter_map(|metric| metric.advisory.as_deref()).collect();
    advisories.sort_unstable();
    advisories.dedup();
    text.extend(advisories.iter().map(|advisory| wrap(&format!("advisory: {advisory}"), WIDTH, "* ", "  ")));
    text
}

fn about(run: &Promoted) -> Vec<String> {
    let branch = run.git.as_ref().and_then(|git| git.branch.as_deref());
    let commit = run.commit().map_or_else(|| "outside git".to_owned(), |commit| format!("commit {commit}"));
    let commit = branch.map_or_else(|| commit.clone(), |branch| format!("{commit} on branch {branch}"));
    let quick = if run.quick { ", --quick" } else { "" };
    let set: String = run.overrides.iter().map(|set| format!(", --set {set}")).collect();
    let mut lines = vec![
        format!("newest: run {}, {commit}; promoted {}", run.run_id, run.promoted_at),
        format!("measured {} with harness {} ({}){quick}{set}", run.program, run.tool.version, run.tool.profile),
        format!("on {}", run.host.fingerprint()),
    ];
    lines.extend(run.override_reason.iter().map(|reason| format!("override: {reason}")));
    lines
}

fn row(metric: &StoredMetric) -> String {
    let StoredMetric { id, unit, point, .. } = metric;
    let name = if metric.advisory.is_some() { format!("{id} *") } else { id.clone() };
    let interval = estimate(metric).and_then(|found| found.interval);
    let interval = interval.map(|ends| unit.show_interval(*point, ends.low, ends.high)).unwrap_or_default();
    // A long id has a line to itself, so that the columns stay where they are.
    let start = if name.chars().count() > 32 { format!("{name}\n{:33}", "") } else { format!("{name:<33}") };
    format!("{start}{:>15}  {interval:<22}{:>4}\n", unit.show(*point), metric.rounds.len())
}

fn estimate(metric: &StoredMetric) -> Option<Estimate> {
    Sample::new(metric.rounds.clone()).ok().map(|sample| Estimate::median(&sample))
}

/// Lists every baseline in two lines, or the error if it cannot be read.
pub fn list_table(held: &[Held]) -> String {
    let header =
        format!("{:<22}{:<16}{:>5}  {:<12}{:<14}{:>9}\n", "scenario", "name", "runs", "newest", "commit", "size");
    let mut text = if held.is_empty() { String::new() } else { header };
    for Held { scenario, name, bytes, content, .. } in held {
        // A long name has a line to itself, so that the columns stay where they are.
        let scenario = if scenario.len() > 21 { format!("{scenario}\n{:22}", "") } else { format!("{scenario:<22}") };
        let name = if name.len() > 15 { format!("{name}\n{:38}", "") } else { format!("{name:<16}") };
        match content {
            Ok(baseline) => {
                let newest = baseline.newest();
                let date = newest.and_then(|run| run.started_at.get(..10)).unwrap_or_default();
                let commit = newest.and_then(Promoted::commit).unwrap_or_else(|| "no git".to_owned());
                let (runs, size) = (baseline.runs.len(), Bytes(*bytes).to_string());
                text.push_str(&format!("{scenario}{name}{runs:>5}  {date:<12}{commit:<14}{size:>9}\n"));
                let host = newest.map(|run| run.host.fingerprint()).unwrap_or_default();
                text.push_str(&wrap(&host, WIDTH, "  ", "    "));
            }
            Err(error) => {
                text.push_str(format!("{scenario}{name}").trim_end());
                text.push('\n');
                text.push_str(&wrap(&error.to_string(), WIDTH, "  error: ", "    "));
            }
        }
    }
    text
}

#[derive(Serialize)]
struct Listed<'a> {
    scenario: &'a str,
    name: &'a str,
    path: String,
    bytes: u64,
    runs: Option<usize>,
    newest_run_id: Option<&'a str>,
    newest_started_at: Option<&'a str>,
    newest_commit: Option<String>,
    host: Option<String>,
    error: Option<String>,
}

/// Renders the same list as a JSON array, ending in a newline.
///
/// # Errors
/// Returns [`Error::NoJson`] if a value has no JSON form.
pub fn list_json(held: &[Held]) -> Result<String, Error> {
    super::pretty("baseline list", &held.iter().map(listed).collect::<Vec<_>>()).map(text_of)
}

fn listed(held: &Held) -> Listed<'_> {
    let baseline = held.content.as_ref().ok();
    let newest = baseline.and_then(Baseline::newest);
    Listed {
        scenario: &held.scenario,
        name: &held.name,
        path: held.path.display().to_string(),
        bytes: held.bytes,
        runs: baseline.map(|baseline| baseline.runs.len()),
        newest_run_id: newest.map(|run| run.run_id.as_str()),
        newest_started_at: newest.map(|run| run.started_at.as_str()),
        newest_commit: newest.and_then(Promoted::commit),
        host: newest.map(|run| run.host.fingerprint()),
        error: held.content.as_ref().err().map(ToString::to_string),
    }
}

/// Renders the newest run as one document, or every run with `all`: in Bencher's format and the flat array, which
/// contain one run, one line per run, oldest first; in the layout of the baseline, one document. The second value names
/// the metrics that are omitted because this harness does not know them.
///
/// # Errors
/// Returns [`Error::NoJson`] if a value has no JSON form.
pub fn export(baseline: &Baseline, format: ExportFormat, all: bool) -> Result<(String, Vec<String>), Error> {
    let newest = baseline.runs.len().saturating_sub(1);
    let runs = &baseline.runs[if all { 0 } else { newest }..];
    if format == ExportFormat::Json {
        let shown = Baseline { runs: runs.to_vec(), ..baseline.clone() };
        return Ok((super::pretty("baseline", &shown).map(text_of)?, Vec::new()));
    }
    let mut text = String::new();
    let mut left_out: Vec<String> = Vec::new();
    for run in runs {
        if format == ExportFormat::Bencher {
            let metrics = run.metrics.iter().filter_map(|metric| Some((metric.id.as_str(), estimate(metric)?)));
            text.push_str(&document(&bmf::of(metrics), all)?);
            let unknown = run.metrics.iter().filter(|metric| find(&metric.id).is_none());
            left_out.extend(unknown.map(|metric| metric.id.clone()));
        } else {
            text.push_str(&document(&run.metrics.iter().map(flat).collect::<Vec<_>>(), all)?);
        }
    }
    left_out.sort();
    left_out.dedup();
    Ok((text, left_out))
}

#[derive(Serialize)]
struct Flat<'a> {
    name: &'a str,
    value: f64,
    unit: Unit,
}

fn flat(metric: &StoredMetric) -> Flat<'_> {
    Flat { name: &metric.id, value: metric.point, unit: metric.unit }
}

/// Formats on one line or indented, ending in a newline.
fn document<T: Serialize>(value: &T, one_line: bool) -> Result<String, Error> {
    if !one_line {
        return super::pretty("baseline export", value).map(text_of);
    }
    let line = serde_json::to_string(value);
    line.map(|line| line + "\n").map_err(|cause| Error::NoJson { format: "baseline export", cause })
}

fn text_of(json: Vec<u8>) -> String {
    String::from_utf8_lossy(&json).into_owned()
}
