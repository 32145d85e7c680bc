//! Renders the summary that fits one screen: the verdict, why, the main values, and what to do next.

use super::Summary;
use super::compared::Change;
use super::matrix;
use super::summary::Row;
use super::text::wrap;
use crate::measure::metric;
use crate::verdict::judgement::{ClaimFinding, ClaimState, FindingKind};

const WIDTH: usize = 80;
/// How many lines of one kind are shown before the rest is counted.
const LINES: usize = 5;
/// How many tables of each stage that varies are shown.
const TABLES: usize = 2;

/// Renders the summary in 80 columns.
pub fn render(summary: &Summary<'_>) -> String {
    let mut text = wrap(&summary.headline, WIDTH, "", "  ");
    let also = summary.judgement.reasons().into_iter().skip(1).map(|reason| format!("also: {reason}"));
    text.push_str(&few(also.collect(), "reasons"));
    if summary.partial {
        text.push_str("partial: read from the journal of a run that did not finish\n");
    }
    text.push_str(&wrap(&summary.run, WIDTH, "", "  "));
    text.push_str(&table(summary));
    if !summary.grids.is_empty() {
        text.push_str(&format!("{}\n", matrix::text::tables(&summary.grids, TABLES)));
    }
    text.push_str(&few(claims(summary), "targets"));
    text.push_str(&few(changes(summary), "changes"));
    text.push_str(&few(summary.warnings.iter().map(|warning| format!("warning: {warning}")).collect(), "warnings"));
    text.push_str(&next(summary));
    text
}

/// Formats the first lines of one kind and counts the rest.
fn few(lines: Vec<String>, kind: &str) -> String {
    let more = lines.len().saturating_sub(LINES);
    let shown: String = lines.iter().take(LINES).map(|line| wrap(line, WIDTH, "  ", "    ")).collect();
    if more > 0 { format!("{shown}  and {more} more {kind}\n") } else { shown }
}

/// Formats the main values, those with a claim and those that changed; counts the rest.
fn table(summary: &Summary<'_>) -> String {
    let rows: Vec<&Row<'_>> = summary.single.groups.iter().flat_map(|group| &group.rows).collect();
    let (main, rest): (Vec<&Row<'_>>, Vec<&Row<'_>>) = rows.into_iter().partition(|row| is_main(row, summary));
    if main.is_empty() {
        return String::new();
    }
    let name = |row: &&Row<'_>| row.metric.id.chars().count() + if row.metric.advisory.is_some() { 4 } else { 2 };
    let width = main.iter().map(name).max().unwrap_or(0).clamp(23, 40);
    let mut text = format!("\n{:<width$}{:>13}{:>14}  {:<17}other runs\n", "", "direct", "value", "interval");
    let has_advisory = main.iter().any(|row| row.metric.advisory.is_some());
    text.extend(main.into_iter().map(|row| line(row, width)));
    if has_advisory {
        text.push_str("  * advisory: too few requests to decide anything\n");
    }
    if !rest.is_empty() {
        text.push_str(&format!("  and {} more values\n", rest.len()));
    }
    text.push('\n');
    text
}

fn is_main(row: &Row<'_>, summary: &Summary<'_>) -> bool {
    let changed = summary.judgement.change_of(&row.metric.id);
    let is_error = row.metric.category() == "errors" && row.metric.estimate().is_some_and(|found| found.point > 0.0);
    let is_key = metric::find(&row.metric.id).is_some_and(|found| found.key);
    is_key || is_error || row.claim.is_some() || changed.is_some_and(|finding| finding.kind.is_breach())
}

fn line(row: &Row<'_>, width: usize) -> String {
    let mark = if row.metric.advisory.is_some() { " *" } else { "" };
    let direct = row.direct.as_deref().filter(|_| row.metric.category() != "overhead").unwrap_or_default();
    let interval = row.interval.as_deref().unwrap_or_default();
    let between = row.between_runs.as_deref().unwrap_or_default();
    let name = format!("  {}{mark}", row.metric.id);
    format!("{name:<width$}{direct:>13}{:>14}  {interval:<17}{between}", row.value).trim_end().to_owned() + "\n"
}

/// Describes the claims that are not met.
fn claims(summary: &Summary<'_>) -> Vec<String> {
    let open = |claim: &&ClaimFinding| claim.state != ClaimState::Met;
    let line = |claim: &ClaimFinding| {
        format!("target {}: {} {}: {}", claim.state.word(), claim.metric, claim.limit, claim.message)
    };
    summary.judgement.targets.iter().filter(open).map(line).collect()
}

/// Describes what was compared, and the changes that matter.
fn changes(summary: &Summary<'_>) -> Vec<String> {
    let Some(compared) = &summary.compared else { return Vec::new() };
    let matters = |change: &&Change<'_>| match change.finding.kind {
        FindingKind::Block | FindingKind::Alert | FindingKind::Improved => true,
        // About many metrics at once.
        FindingKind::Inconclusive => metric::find(&change.finding.subject).is_none(),
        FindingKind::Ok | FindingKind::Small | FindingKind::Noise => false,
    };
    let line = |change: &Change<'_>| {
        let finding = change.finding;
        format!("{}: {}: {}", finding.kind.word(), finding.subject, finding.message)
    };
    let changes = compared.changes.iter().filter(matters).map(line);
    [compared.title.clone()].into_iter().chain(changes).collect()
}

/// Says where everything else is.
fn next(summary: &Summary<'_>) -> String {
    let Some(folder) = &summary.folder else { return String::new() };
    let has_page = summary.artifacts.formats().any(|format| format.name() == "html");
    let page = if has_page { format!("report  {folder}/report.html\n") } else { String::new() };
    format!("{page}details harness report {folder} --verbose\n")
}
