//! Shows the faults: the effect of each, and whether the target behaved as expected.

use super::judge::{Judged, Row, RowState, Seen};
use crate::measure::record::StageRecord;
use crate::report::html::table::Heading::{Number, Text};
use crate::report::html::table::{cell, head, number, row, table as html_table};
use crate::report::html::text::{chip, joined, note, nothing};
use crate::report::markdown::escape::escaped;
use crate::report::show::{Show, load, rejected, within};
use crate::report::text::wrap;
use harness_base::units::grouped;
use maud::{Markup, html};

/// Under a fault latencies do not count, errors are expected, and only the first and the last reading are kept.
pub(crate) const SHOW: Show = Show { done, charts: |_, _| nothing(), counts_errors: false, ..Show::ROUNDS };

pub(crate) const TITLE: &str = "faults";
pub(crate) const HEADING: &str = "Faults";

fn done(stage: &StageRecord) -> String {
    let faults = stage.valid_rounds().count();
    format!("{faults} of {} faults{}; {}{}", stage.wanted, rejected(stage), load(stage), within(stage))
}

const WIDTH: usize = 80;

/// The columns after the fault.
const COLUMNS: [&str; 5] = ["sent", "errors", "lost", "recovery", ""];

/// Renders the faults for the terminal.
pub(crate) fn table(faults: &Judged) -> String {
    let mut text = wrap(&format!("{}: {}", faults.stage, faults.demands()), WIDTH, "  ", "    ");
    let [sent, errors, lost, recovery, _] = COLUMNS;
    text.push_str(&format!("  {:<20}{sent:>8}{errors:>8}{lost:>8}{recovery:>12}\n", ""));
    for row in &faults.rows {
        let [sent, errors, lost, recovery, state] = cells(row);
        text.push_str(&format!("  {:<20}{sent:>8}{errors:>8}{lost:>8}{recovery:>12} {state}\n", row.kind.name()));
        text.extend(remarks(row).iter().map(|message| wrap(message, WIDTH, "      ", "      ")));
    }
    text
}

pub(crate) fn markdown(faults: &Judged) -> String {
    let mut text = format!("**{}**: {}\n\n", faults.stage, faults.demands());
    text.push_str(&format!("| fault | {} |\n|---|---:|---:|---:|---:|---|\n", COLUMNS.join(" | ")));
    for row in &faults.rows {
        let remarks: String = remarks(row).iter().map(|message| format!(": {}", escaped(message))).collect();
        text.push_str(&format!("| {} | {}{remarks} |\n", row.kind.name(), cells(row).join(" | ")));
    }
    text
}

/// Returns requests sent, errors, lost, recovery and state; a dash for values that were not measured.
fn cells(row: &Row) -> [String; 5] {
    let count = |n: Option<u64>| n.map_or_else(|| "–".to_owned(), |n| grouped(n as f64));
    let seen = row.seen.as_ref();
    [
        count(seen.map(|seen| seen.scheduled)),
        count(seen.map(Seen::errors)),
        count(seen.map(|seen| seen.lost)),
        row.recovery(),
        row.state.words().to_owned(),
    ]
}

/// Describes violated expectations, then the course.
fn remarks(row: &Row) -> Vec<String> {
    row.message.iter().cloned().chain(row.course()).collect()
}

pub(crate) fn html(found: &Judged) -> Markup {
    let [sent, errors, lost, recovery, _] = COLUMNS.map(Number);
    let headings = [Text("state"), Text("fault"), sent, errors, lost, recovery, Text("what happened")];
    let demands = note(html! { (found.stage) ": " (found.demands()) "." });
    joined([html_table(&format!("faults of {}", found.stage), &headings, found.rows.iter().map(html_row)), demands])
}

fn html_row(found: &Row) -> Markup {
    let [sent, errors, lost, recovery, state] = cells(found);
    let names = [cell(chip(tone(found.state), &state)), head(found.kind.name())];
    let numbers = [sent, errors, lost, recovery].map(number);
    let remarks = cell(remarks(found).join("; "));
    row(names.into_iter().chain(numbers).chain([remarks]))
}

const fn tone(state: RowState) -> &'static str {
    match state {
        RowState::AsExpected => "good",
        RowState::NotAsExpected => "bad",
        RowState::Skipped | RowState::Unknown => "open",
    }
}
