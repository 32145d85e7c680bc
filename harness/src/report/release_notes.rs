//! Renders `release-notes.md`: the table of REQ-OBS-001 10.2, and those sentences of 10.3 that the run supports.

use super::compared::change;
use super::{Error, ReportFormat, Summary};
use crate::measure::metric::{Better, find};
use crate::verdict::judgement::Measured;
use harness_stats::Estimate;

pub(super) struct ReleaseNotes;

/// The rows of the table: their name, and the metric or the prefix of its id.
const ROWS: [(&str, &str); 5] = [
    ("Binary size", "binary/size"),
    ("Memory (idle)", "memory/idle_rss"),
    ("Latency p95", "latency/p95"),
    ("Throughput", "throughput/rps_"),
    ("Proxy overhead", "overhead/latency_p50"),
];

/// Sentences, and the metrics that must meet the target of REQ-OBS-001 for each.
const SENTENCES: [(&str, &[&str]); 5] = [
    ("< 15 MB binary, < 20 MB memory at idle", &["binary/size", "memory/idle_rss"]),
    ("Adds < 2 ms p50 latency overhead", &["overhead/latency_p50"]),
    ("> 10,000 requests/second throughput", &["throughput/rps_10vu"]),
    ("Sub-100µs policy evaluation", &["policy/eval_p50"]),
    ("Cold start in under 100 ms", &["startup/to_healthy"]),
];

impl ReportFormat for ReleaseNotes {
    fn name(&self) -> &'static str {
        "release-notes"
    }

    fn file_name(&self) -> &'static str {
        "release-notes.md"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let rows: String = ROWS.iter().map(|(name, id)| row(summary, name, id)).collect();
        let text = format!(
            "## Performance ({})\n\n| Metric | Value | vs previous |\n|---|---:|---:|\n{rows}\n{}{}",
            summary.record.scenario.name.replace('|', "\\|"),
            sentences(summary),
            footnote(summary)
        );
        Ok(text.into_bytes())
    }
}

/// Finds a metric by its id or by a prefix, in the stage that is named after its kind.
fn measured<'a>(summary: &Summary<'a>, id: &str) -> Option<(&'a Measured, &'a Estimate)> {
    summary.valid().find(|(metric, _)| metric.id.starts_with(id) && !metric.id.contains('@'))
}

fn row(summary: &Summary<'_>, name: &str, id: &str) -> String {
    let value = measured(summary, id).map_or_else(
        || "n/a".to_owned(),
        |(metric, estimate)| {
            let ends = estimate.interval.map(|ends| metric.unit.show_interval(estimate.point, ends.low, ends.high));
            format!("{}{}", metric.unit.show(estimate.point), ends.map(|ends| format!(" {ends}")).unwrap_or_default())
        },
    );
    let found = measured(summary, id).and_then(|(metric, _)| summary.judgement.change_of(&metric.id));
    let changed = found.and_then(|found| Some(format!("{} ({})", change(found.weighed.as_ref()?), found.kind.word())));
    format!("| {name} | {value} | {} |\n", changed.unwrap_or_else(|| "n/a".to_owned()))
}

/// Returns the sentences that hold at the end of the interval.
fn sentences(summary: &Summary<'_>) -> String {
    if summary.record.scenario.quick || summary.partial {
        return "No claim can be quoted, because this run was quick or did not end.\n\n".to_owned();
    }
    let line = |(sentence, metrics): &(&str, &[&str])| {
        let found: Option<Vec<String>> = metrics.iter().map(|id| kept(summary, id)).collect();
        found.map(|found| format!("- {sentence} ({})\n", found.join("; ")))
    };
    let lines: String = SENTENCES.iter().filter_map(line).collect();
    if lines.is_empty() { lines } else { format!("{lines}\n") }
}

/// Returns the value if the worse end of the interval meets the target of REQ-OBS-001. An estimate without an interval
/// meets none, unless it is exact.
fn kept(summary: &Summary<'_>, id: &str) -> Option<String> {
    use crate::measure::metric::Kind;
    let (metric, estimate) = measured(summary, id)?;
    let target = find(id)?.target?.value;
    let worst = match (metric.kind, estimate.interval, metric.direction) {
        (Kind::Exact, _, _) => estimate.point,
        (Kind::Sampled, Some(ends), Better::Lower) => ends.high,
        (Kind::Sampled, Some(ends), Better::Higher) => ends.low,
        (Kind::Sampled, None, _) => return None,
    };
    let keeps = match metric.direction {
        Better::Lower => worst < target,
        Better::Higher => worst > target,
    };
    let ends = estimate.interval.map(|ends| metric.unit.show_interval(estimate.point, ends.low, ends.high));
    let ends = ends.map(|ends| format!(" {ends}")).unwrap_or_default();
    (keeps && metric.advisory.is_none())
        .then(|| format!("{} {}{ends}", metric.name(), metric.unit.show(estimate.point)))
}

fn footnote(summary: &Summary<'_>) -> String {
    let host = summary.host.first().map(String::as_str).unwrap_or_default();
    let load = summary.record.fleet.as_ref().map(|fleet| format!(", with load from {}", fleet.shape()));
    let load = load.unwrap_or_default();
    format!(
        "MiB are 1,048,576 bytes. Values are over instances, rounds or launches with intervals that cover 95 % or more. Measured on \
         {host}{load}; run {}, verdict {}.\n",
        summary.record.run_id,
        summary.judgement.exit.word()
    )
}
