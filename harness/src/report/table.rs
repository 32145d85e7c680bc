//! Renders the summary for the terminal: 80 columns, without colours.

use super::stage::tables;
use super::text::wrap;
use super::{Error, Group, ReportFormat, Row, Summary};

const WIDTH: usize = 80;

pub(super) struct Table;

impl ReportFormat for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn file_name(&self) -> &'static str {
        "summary.txt"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let mut text = head(summary);
        text.push_str(&section("stages", summary.stages().iter().map(stage).collect()));
        text.extend(summary.compared.iter().map(|compared| format!("\n{}", super::compared::table(compared))));
        let single = &summary.single;
        text.push_str(&metrics(&single.groups));
        text.push_str(&super::matrix::text::tables(&summary.grids, usize::MAX));
        text.extend(tables(&single.details).into_iter().map(|(title, tables)| section(title, tables)));
        text.push_str(&section("targets", targets(summary)));
        text.push_str(&section("notes", items(&single.notes)));
        text.push_str(&section("profiles", items(&super::profile::text(summary.record))));
        text.push_str(&section("audit: worst values of the valid rounds", items(&single.audit)));
        text.push_str(&section("further reasons", items(&single.further)));
        text.push_str(&section("rejected rounds", items(&single.rejected)));
        text.push_str(&section("absent", single.absent.iter().map(absent).collect()));
        text.push_str(&section("warnings", items(&summary.warnings)));
        text.push_str(&section("measured on", items(&summary.host)));
        text.push_str(&section("files", files(summary)));
        Ok(text.into_bytes())
    }
}

fn head(summary: &Summary<'_>) -> String {
    let mut text = wrap(&summary.headline, WIDTH, "", "  ");
    for reason in summary.judgement.reasons().iter().skip(1) {
        text.push_str(&wrap(&format!("also: {reason}"), WIDTH, "  ", "    "));
    }
    if summary.partial {
        text.push_str("partial: read from the journal of a run that did not finish\n");
    }
    text.push_str(&wrap(&summary.run, WIDTH, "", "  "));
    text
}

/// Formats a title and its lines; empty if there are no lines.
fn section(title: &str, lines: Vec<String>) -> String {
    if lines.is_empty() { String::new() } else { format!("\n{title}\n{}", lines.concat()) }
}

fn item(text: &str) -> String {
    wrap(text, WIDTH, "  ", "    ")
}

fn items(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| item(text)).collect()
}

fn stage([name, state, work]: &[String; 3]) -> String {
    let first = format!("  {name:<16} {state:<11} ");
    wrap(work, WIDTH, &first, &" ".repeat(30))
}

/// Formats every group under one header line; advisory metrics are marked and explained below.
fn metrics(groups: &[Group<'_>]) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let mut text =
        format!("\n{:<20}{:>14}{:>14}  {:<19}{:>4}{:>7}\n", "", "direct", "value", "interval", "n", "covers");
    for group in groups {
        text.push_str(group.category);
        text.push('\n');
        text.push_str(&group.rows.iter().map(row).collect::<String>());
    }
    let rows = groups.iter().flat_map(|group| &group.rows);
    let advisory = |row: &Row<'_>| {
        let why = row.metric.advisory.as_ref()?;
        Some(wrap(&format!("{} is advisory: {why}", row.metric.id), WIDTH, "* ", "  "))
    };
    text.extend(rows.filter_map(advisory));
    text
}

fn row(row: &Row<'_>) -> String {
    let mark = if row.metric.advisory.is_some() { " *" } else { "" };
    let name = format!("{}{mark}", row.metric.name());
    // A difference has no direct value; both of its sides are rows of `latency`.
    let direct = row.direct.as_deref().filter(|_| row.metric.category() != "overhead").unwrap_or_default();
    let interval = row.interval.as_deref().unwrap_or_default();
    let coverage = row.coverage.as_deref().unwrap_or_default();
    // A long name has a line to itself, so that the columns stay where they are.
    let start = if name.chars().count() > 18 { format!("  {name}\n{:20}", "") } else { format!("  {name:<18}") };
    let line = format!("{start}{direct:>14}{:>14}  {interval:<19}{:>4}{coverage:>7}", row.value, row.n);
    line.trim_end().to_owned() + "\n"
}

fn targets(summary: &Summary<'_>) -> Vec<String> {
    let line = |target: &crate::verdict::judgement::ClaimFinding| {
        let required = if target.required { " (required)" } else { "" };
        let claim = format!("{} {}{required}: {}", target.metric, target.limit, target.message);
        wrap(&claim, WIDTH, &format!("  {:<11}", target.state.word()), &" ".repeat(13))
    };
    summary.judgement.targets.iter().map(line).collect()
}

fn absent((reason, ids): &(String, Vec<String>)) -> String {
    item(&format!("{}: {reason}", ids.join(", ")))
}

fn files(summary: &Summary<'_>) -> Vec<String> {
    let list = |folder: &String| {
        let names: Vec<&str> = summary.artifacts.formats().map(|format| format.file_name()).collect();
        item(&format!("{folder}/: result.json, {}", names.join(", ")))
    };
    summary.folder.iter().map(list).collect()
}
