//! Formats the tables of a matrix for the terminal and in Markdown.

use super::{Entry, Grid, Table};
use crate::report::markdown::escape::escaped;
use crate::report::text::wrap;

const WIDTH: usize = 80;
/// The column that relates the last column to the first.
const SCALING: &str = "scaling";

/// Formats the first `most` tables of each grid in 80 columns; the rest is counted.
pub(in crate::report) fn tables(grids: &[Grid<'_>], most: usize) -> String {
    let mut text = String::new();
    for grid in grids {
        text.extend(grid.tables.iter().take(most).map(|table| of_table(grid, table)));
        let more = grid.tables.len().saturating_sub(most);
        if more > 0 {
            text.push_str(&format!("  and {more} more tables of {}\n", grid.stage));
        }
        let mut shown = grid.tables.iter().take(most).flat_map(|table| &table.entries).flatten();
        if shown.any(|entry| entry.measured.advisory.is_some()) {
            text.push_str("  * advisory: too few requests to decide anything\n");
        }
    }
    text
}

/// Formats every table in Markdown.
pub(in crate::report) fn markdown(grids: &[Grid<'_>]) -> String {
    let of_grid = |grid: &Grid<'_>| grid.tables.iter().map(|table| of_markdown(grid, table)).collect::<Vec<_>>();
    let tables: Vec<String> = grids.iter().flat_map(of_grid).collect();
    let note = "Intervals cover 95 % or more. A factor relates the last column to the first, with the quotients of the opposite ends of both intervals.\n";
    if tables.is_empty() { String::new() } else { format!("{}\n{note}", tables.join("\n")) }
}

/// Formats `latency/p50 of overhead by body and vus`.
pub(in crate::report) fn title(grid: &Grid<'_>, table: &Table<'_>) -> String {
    let columns = grid.column_title().map_or_else(String::new, |title| format!(" and {title}"));
    format!("{} of {} by {}{columns}", table.id, grid.stage, grid.row_title())
}

/// Returns the headings of the columns of values: the values of the last key, or one word.
pub(in crate::report) fn headings(grid: &Grid<'_>) -> Vec<String> {
    match grid.column_title() {
        Some(title) => grid.columns.iter().map(|value| format!("{title} {value}")).collect(),
        None => vec!["value".to_owned()],
    }
}

/// Returns the heading of the column that relates values: the last column to the first, or each row to the first.
pub(in crate::report) fn scaling_heading(grid: &Grid<'_>) -> String {
    match (grid.column_title(), grid.columns.first(), grid.columns.last()) {
        (Some(_), Some(first), Some(last)) => format!("{last} ÷ {first}"),
        _ => SCALING.to_owned(),
    }
}

/// Returns the relation of the last value of a row.
fn scaling(grid: &Grid<'_>, table: &Table<'_>, row: usize, of: fn(&Entry<'_>) -> Option<String>) -> String {
    let last = (row + 1) * grid.width() - 1;
    table.entries[last].as_ref().and_then(of).unwrap_or_default()
}

fn of_table(grid: &Grid<'_>, table: &Table<'_>) -> String {
    let short = |entry: &Entry<'_>| entry.scaling.map(|scaling| scaling.short());
    let mut columns: Vec<Vec<String>> = Vec::new();
    for (column, heading) in headings(grid).into_iter().enumerate() {
        let value = |row: usize| {
            let place = row * grid.width() + column;
            table.entries[place].as_ref().map_or_else(|| grid.states[place].to_owned(), |entry| compact(table, entry))
        };
        columns.push(std::iter::once(heading).chain((0..grid.rows.len()).map(value)).collect());
    }
    let relations = (0..grid.rows.len()).map(|row| scaling(grid, table, row, short));
    columns.push(std::iter::once(scaling_heading(grid)).chain(relations).collect());
    if columns.last().is_some_and(|column| column.iter().skip(1).all(String::is_empty)) {
        columns.pop();
    }
    let labels: Vec<&str> = std::iter::once("").chain(grid.rows.iter().map(String::as_str)).collect();
    let mut text = format!("\n{}", wrap(&title(grid, table), WIDTH, "", "  "));
    let label = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).min(24) + 2;
    let mut rest = columns.as_slice();
    while !rest.is_empty() {
        let fitting = fitting(rest, WIDTH - label);
        let (now, later) = rest.split_at(fitting);
        text.push_str(&block(&labels, label, now));
        rest = later;
    }
    text
}

/// Returns how many columns fit into a width; at least one.
fn fitting(columns: &[Vec<String>], width: usize) -> usize {
    let mut left = width;
    let fits = |column: &&Vec<String>| {
        let needed = wide(column);
        let fits = needed <= left;
        left = left.saturating_sub(needed);
        fits
    };
    columns.iter().take_while(fits).count().max(1)
}

/// Returns the width of a column with its gap.
fn wide(column: &[String]) -> usize {
    column.iter().map(|text| text.chars().count()).max().unwrap_or(0) + 2
}

fn block(labels: &[&str], label: usize, columns: &[Vec<String>]) -> String {
    let line = |row: usize| {
        let shown: String = labels[row].chars().take(24).collect();
        let mut line = format!("  {shown:<width$}", width = label - 2);
        for column in columns {
            line.push_str(&format!("{:>width$}", column[row], width = wide(column)));
        }
        line.trim_end().to_owned() + "\n"
    };
    (0..labels.len()).map(line).collect()
}

/// Formats a value with half of its interval in percent: `15,400 req/s ± 2 %`.
fn compact(table: &Table<'_>, entry: &Entry<'_>) -> String {
    let point = entry.estimate.point;
    let half = entry.estimate.interval.map(|ends| (ends.high - point).max(point - ends.low) / point.abs() * 100.0);
    let half = half.filter(|half| half.is_finite()).map_or_else(String::new, |half| match half {
        few if few < 0.95 => format!(" ± {few:.1} %"),
        many => format!(" ± {many:.0} %"),
    });
    let mark = if entry.measured.advisory.is_some() { " *" } else { "" };
    format!("{}{half}{mark}", table.unit.show(point))
}

/// Formats a value with its interval: `15,400 req/s [15,100, 15,700]`.
pub(in crate::report) fn whole(table: &Table<'_>, entry: &Entry<'_>) -> String {
    let point = entry.estimate.point;
    let ends = entry.estimate.interval.map(|ends| table.unit.show_interval(point, ends.low, ends.high));
    format!("{} {}", table.unit.show(point), ends.unwrap_or_default()).trim_end().to_owned()
}

fn of_markdown(grid: &Grid<'_>, table: &Table<'_>) -> String {
    let long = |entry: &Entry<'_>| entry.scaling.map(|scaling| scaling.long());
    let headings = headings(grid);
    let mut text = format!("**{}**\n\n| {} |", escaped(&title(grid, table)), escaped(&grid.row_title()));
    text.extend(headings.iter().map(|heading| format!(" {} |", escaped(heading))));
    text.push_str(&format!(" {} |\n|---|{}---:|\n", escaped(&scaling_heading(grid)), "---:|".repeat(headings.len())));
    for (row, label) in grid.rows.iter().enumerate() {
        text.push_str(&format!("| {} |", escaped(label)));
        for place in row * grid.width()..(row + 1) * grid.width() {
            let shown = table.entries[place]
                .as_ref()
                .map_or_else(|| grid.states[place].to_owned(), |entry| whole(table, entry));
            text.push_str(&format!(" {shown} |"));
        }
        let relation = scaling(grid, table, row, long);
        text.push_str(&format!(" {} |\n", if relation.is_empty() { "–" } else { &relation }));
    }
    text
}
