//! Draws the values of the cells of a matrix as heat maps, and shows them in tables.

use maud::{Markup, html};

use super::super::matrix::text::{headings, scaling_heading, title, whole};
use super::super::matrix::{Entry, Grid, Table};
use super::text::{coordinate, joined, note};
use crate::measure::metric::Better;

/// Width of a map in its own units: that of a phone, so that its text stays readable there.
const WIDTH: f64 = 360.0;
/// Width of a letter of a label and of the small text.
const LETTER: f64 = 6.8;
const SMALL: f64 = 5.8;
/// Height of the headings, and of a row of one, two and three lines.
const HEAD: f64 = 22.0;
const LINE: f64 = 15.0;
/// Values that span more than this factor are coloured by their logarithm.
const WIDE: f64 = 10.0;
/// Share of the colour of the smallest and the largest value.
const FAINT: f64 = 0.06;
const FULL: f64 = 0.55;

/// Where the columns of a map are.
struct Layout {
    left: f64,
    column: f64,
    row: f64,
    has_unit: bool,
    has_small: bool,
}

impl Layout {
    fn of(grid: &Grid<'_>, table: &Table<'_>) -> Self {
        let longest = grid.rows.iter().map(|row| row.chars().count()).max().unwrap_or(0) as f64;
        let left = (longest * LETTER + 12.0).clamp(40.0, 150.0);
        let column = (WIDTH - left) / grid.width() as f64;
        let entries = || table.entries.iter().flatten();
        let fits = |text: fn(&Table<'_>, &Entry<'_>) -> String, letter: f64| {
            entries().all(|entry| text(table, entry).chars().count() as f64 * letter + 6.0 <= column)
        };
        let has_small = fits(ends, SMALL);
        let scales = entries().any(|entry| entry.scaling.is_some());
        let lines = 1.0 + if has_small { 1.0 } else { 0.0 } + if scales && has_small { 1.0 } else { 0.0 };
        Self { left, column, row: lines * LINE + 8.0, has_unit: fits(value, LETTER), has_small }
    }

    fn x(&self, column: usize) -> f64 {
        self.left + column as f64 * self.column
    }

    fn y(&self, row: usize) -> f64 {
        HEAD + row as f64 * self.row
    }
}

fn value(table: &Table<'_>, entry: &Entry<'_>) -> String {
    table.unit.show(entry.estimate.point)
}

/// Formats the interval of a value; empty without one.
fn ends(table: &Table<'_>, entry: &Entry<'_>) -> String {
    let point = entry.estimate.point;
    entry.estimate.interval.map_or_else(String::new, |ends| table.unit.show_interval(point, ends.low, ends.high))
}

/// Draws one map for each metric.
pub(super) fn figures(grid: &Grid<'_>) -> Markup {
    joined(grid.tables.iter().map(|table| figure(grid, table)))
}

fn figure(grid: &Grid<'_>, table: &Table<'_>) -> Markup {
    let layout = Layout::of(grid, table);
    let colours = Colours::of(table);
    let title = title(grid, table);
    let height = layout.y(grid.rows.len()) + 2.0;
    let message = message(table, &colours);
    html! {
        figure data-chart="heat" data-stage=(grid.stage) {
            "\n"
            figcaption { (title) } "\n"
            svg class="drawing" viewBox={ "0 0 " (WIDTH) " " (coordinate(height)) } role="img" aria-label={ (title) ". " (message) } {
                "\n"
                (axes(grid, &layout))
                @for place in 0..table.entries.len() { (cell(grid, table, (&layout, &colours), place)) }
            }
            "\n"
            (note(message))
        }
        "\n"
    }
}

/// Describes the colours, and where the best value is.
fn message(table: &Table<'_>, colours: &Colours) -> String {
    let better = match table.entries.iter().flatten().next().map(|entry| entry.measured.direction) {
        Some(Better::Lower) => "lower is better",
        Some(Better::Higher) => "higher is better",
        None => "no cell has a value",
    };
    let scale = if colours.logarithmic { ", on a logarithmic scale" } else { "" };
    let [low, high] = [colours.low, colours.high].map(|value| table.unit.show(value));
    format!("From {low} (pale) to {high} (dark){scale}; {better}. Intervals in brackets cover 95 %.")
}

/// Labels the rows and the columns.
fn axes(grid: &Grid<'_>, layout: &Layout) -> Markup {
    let middle = layout.column / 2.0;
    html! {
        @if let Some(title) = grid.column_title() {
            text class="small" x="0" y="14" { (title) " →" } "\n"
            @for (column, label) in grid.columns.iter().enumerate() {
                text class="label middle" x=(coordinate(layout.x(column) + middle)) y="14" { (label) } "\n"
            }
        }
        @for (row, label) in grid.rows.iter().enumerate() {
            text class="label" x="0" y=(coordinate(layout.y(row) + layout.row / 2.0)) dy="0.32em" { (shortened(label, layout.left)) } "\n"
        }
    }
}

/// Cuts a label to a width.
fn shortened(label: &str, width: f64) -> String {
    let most = ((width - 8.0) / LETTER) as usize;
    if label.chars().count() <= most {
        return label.to_owned();
    }
    label.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn cell(grid: &Grid<'_>, table: &Table<'_>, (layout, colours): (&Layout, &Colours), place: usize) -> Markup {
    let (row, column) = (place / grid.width(), place % grid.width());
    let (x, y) = (layout.x(column), layout.y(row));
    let (width, height) = (layout.column - 2.0, layout.row - 2.0);
    let middle = coordinate(x + layout.column / 2.0);
    let entry = table.entries[place].as_ref();
    let opacity = entry.map(|entry| coordinate(colours.share(entry.estimate.point) * 100.0) + "%");
    let class = if entry.is_some() { "heat" } else { "no-heat" };
    let lines = entry.map_or_else(|| vec![grid.states[place].to_owned()], |entry| lines(table, entry, layout));
    let hover = entry.map(|entry| whole(table, entry));
    html! {
        rect class=(class) x=(coordinate(x)) y=(coordinate(y)) width=(coordinate(width)) height=(coordinate(height)) fill-opacity=[opacity] {
            @if let Some(hover) = hover { title { (hover) } }
        }
        "\n"
        @for (line, text) in lines.iter().enumerate() {
            @let class = if line == 0 { "label middle" } else { "small middle" };
            text class=(class) x=(middle) y=(coordinate(y + LINE * (line as f64 + 1.0))) { (text) } "\n"
        }
    }
}

/// Returns the lines in a cell: the value, its interval, and its relation to the first.
fn lines(table: &Table<'_>, entry: &Entry<'_>, layout: &Layout) -> Vec<String> {
    let shown = value(table, entry);
    let number = shown.split(' ').next().unwrap_or_default().to_owned();
    let mut lines = vec![if layout.has_unit { shown } else { number }];
    if layout.has_small {
        lines.push(ends(table, entry));
        lines.extend(entry.scaling.map(|scaling| scaling.short()));
    }
    lines
}

/// How values become colours.
struct Colours {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Colours {
    fn of(table: &Table<'_>) -> Self {
        let points = || table.entries.iter().flatten().map(|entry| entry.estimate.point);
        let (low, high) = (points().fold(f64::INFINITY, f64::min), points().fold(f64::NEG_INFINITY, f64::max));
        Self { low, high, logarithmic: low > 0.0 && high / low > WIDE }
    }

    /// Returns the share of the colour, from [`FAINT`] to [`FULL`].
    fn share(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.logarithmic { value.ln() } else { value };
        let (low, high) = (scale(self.low), scale(self.high));
        let place = if high > low { (scale(value) - low) / (high - low) } else { 0.5 };
        FAINT + place.clamp(0.0, 1.0) * (FULL - FAINT)
    }
}

/// Shows every metric as a table with intervals and numbers of values.
pub(super) fn tables(grid: &Grid<'_>) -> Markup {
    html! {
        @for table in &grid.tables {
            h3 { (title(grid, table)) } "\n"
            div class="scroll" role="region" aria-label=(title(grid, table)) tabindex="0" {
                "\n"
                table {
                    thead { tr {
                        th { (grid.row_title()) }
                        @for heading in headings(grid) { th class="number" { (heading) } }
                        th { (scaling_heading(grid)) }
                    } } "\n"
                    tbody { "\n" @for row in 0..grid.rows.len() { (of_row(grid, table, row)) } } "\n"
                }
                "\n"
            }
            "\n"
        }
        @if !grid.tables.is_empty() {
            (note("A factor relates two cells; its interval has the quotients of the opposite ends of both intervals, so it covers at least 95 %. \
                   The number after “of” is the factor between the values of the key."))
        }
    }
}

fn of_row(grid: &Grid<'_>, table: &Table<'_>, row: usize) -> Markup {
    let places = row * grid.width()..(row + 1) * grid.width();
    let last = table.entries[places.end - 1].as_ref();
    let relation = last.and_then(|entry| entry.scaling).map_or_else(|| "–".to_owned(), |scaling| scaling.long());
    html! {
        tr {
            th scope="row" { (grid.rows[row]) }
            @for place in places {
                td class="number" {
                    @match &table.entries[place] {
                        Some(entry) => { span class="value" { (value(table, entry)) } " " span class="interval" { (ends(table, entry)) } },
                        None => (grid.states[place]),
                    }
                }
            }
            td { (relation) }
        }
        "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_reach_from_pale_to_dark() {
        let linear = Colours { low: 1.0, high: 5.0, logarithmic: false };
        assert_eq!([1.0, 5.0, 9.0].map(|value| linear.share(value)), [FAINT, FULL, FULL]);
        let wide = Colours { low: 1.0, high: 100.0, logarithmic: true };
        assert!((wide.share(10.0) - (FAINT + FULL) / 2.0).abs() < 1e-9);
        let same = Colours { low: 2.0, high: 2.0, logarithmic: false };
        assert!((same.share(2.0) - (FAINT + FULL) / 2.0).abs() < 1e-9);
    }

    #[test]
    fn long_labels_are_cut() {
        assert_eq!(shortened("1KiB", 40.0), "1KiB");
        assert_eq!(shortened("a long label", 40.0), "a l…");
    }
}
