//! Renders the summary of one command in a few lines, as tools for timing commands do.

use super::Summary;
use super::text::wrap;
use crate::measure::metric::Unit;
use crate::verdict::judgement::Measured;
use harness_stats::{Sample, deviation};

const WIDTH: usize = 80;
const PEAK: &str = "memory/command_peak_rss";

/// Renders the verdict, the times and what a run used, and changes against another build.
pub fn render(summary: &Summary<'_>) -> String {
    let mut text = wrap(&summary.headline, WIDTH, "", "  ");
    let also = summary.judgement.reasons().into_iter().skip(1).map(|reason| format!("also: {reason}"));
    also.for_each(|reason| text.push_str(&wrap(&reason, WIDTH, "  ", "    ")));
    for [name, state, done] in &summary.single.stages {
        text.push_str(&wrap(&format!("{name}: {state}, {done}"), WIDTH, "", "  "));
    }
    let lines: Vec<String> =
        [times(summary), range(summary), cpu(summary), uses(summary), spawn(summary)].into_iter().flatten().collect();
    if !lines.is_empty() {
        text.push_str(&format!("\n{}\n\n", lines.join("\n")));
    }
    let findings = summary.compared.iter().flat_map(|compared| &compared.changes);
    for change in findings {
        let finding = change.finding;
        let line = format!("{}: {}: {}", finding.kind.word(), finding.subject, finding.message);
        text.push_str(&wrap(&line, WIDTH, "  ", "    "));
    }
    let remarks = summary.single.notes.iter().cloned().chain(unknown_peak(summary)).map(|note| format!("note: {note}"));
    let warnings = summary.warnings.iter().map(|warning| format!("warning: {warning}"));
    remarks.chain(warnings).for_each(|line| text.push_str(&wrap(&line, WIDTH, "  ", "    ")));
    if let Some(folder) = &summary.folder {
        text.push_str(&format!("details harness report {folder} --verbose\n"));
    }
    text
}

fn metric<'a>(summary: &Summary<'a>, id: &str) -> Option<&'a Measured> {
    summary.judgement.metrics.iter().find(|metric| metric.id == id && metric.estimate().is_some())
}

/// Formats the value of a metric, and its interval.
fn shown(summary: &Summary<'_>, id: &str) -> Option<String> {
    let metric = metric(summary, id)?;
    let estimate = metric.estimate()?;
    let ends = estimate.interval.map(|ends| metric.unit.show_interval(estimate.point, ends.low, ends.high));
    Some(format!("{} {}", metric.unit.show(estimate.point), ends.unwrap_or_default()).trim_end().to_owned())
}

fn times(summary: &Summary<'_>) -> Option<String> {
    let (p50, p95) = (shown(summary, "command/duration_p50")?, shown(summary, "command/duration_p95")?);
    Some(format!("  wall time   p50 {p50}   p95 {p95}"))
}

/// Formats mean, standard deviation, smallest and largest value.
fn range(summary: &Summary<'_>) -> Option<String> {
    let values = metric(summary, "command/duration_p50")?.rounds();
    let sample = Sample::new(values.to_vec()).ok()?;
    let sorted = sample.sorted();
    let (least, most) = (sorted.first()?, sorted.last()?);
    let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
    let show = |value: f64| Unit::Millis.show(value);
    let spread = deviation(&sample).map_or_else(|_| String::new(), |deviation| format!(" ± {}", show(deviation)));
    Some(format!(
        "              mean {}{spread}   {} … {}   {} runs",
        show(mean),
        show(*least),
        show(*most),
        sorted.len()
    ))
}

fn cpu(summary: &Summary<'_>) -> Option<String> {
    let (user, system) = (shown(summary, "cpu/command_user")?, shown(summary, "cpu/command_system")?);
    Some(format!("  CPU time    user {user}   system {system}"))
}

fn uses(summary: &Summary<'_>) -> Option<String> {
    let peak = shown(summary, PEAK).map(|peak| format!("peak memory {peak}"));
    let written = shown(summary, "command/written").map(|written| format!("written {written}"));
    let parts: Vec<String> = peak.into_iter().chain(written).collect();
    (!parts.is_empty()).then(|| format!("  used        {}", parts.join("   ")))
}

/// Formats why the peak memory is not known, if only it is absent.
fn unknown_peak(summary: &Summary<'_>) -> Option<String> {
    let peak = summary.judgement.metrics.iter().find(|metric| metric.id == PEAK)?;
    metric(summary, "command/duration_p50")?;
    Some(format!("no peak memory: {}", peak.absence()?))
}

fn spawn(summary: &Summary<'_>) -> Option<String> {
    let spawn = shown(summary, "command/spawn_overhead")?;
    let net = shown(summary, "command/net_p50")?;
    Some(format!("  start, end  {spawn} of any program; p50 without it {net}"))
}
