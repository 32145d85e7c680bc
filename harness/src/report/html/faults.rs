//! Faults as a table.

use maud::{Markup, html};

use super::super::{Summary, faults};
use super::table::Heading::{Number, Text};
use super::table::{cell, head, number, row, table};
use super::text::{chip, joined, note};
use crate::verdict::faults::{Faults, Row, RowState};

/// One table for each stage with faults.
pub(super) fn tables(summary: &Summary<'_>) -> Markup {
    joined(summary.judgement.faults.iter().map(of_stage))
}

fn of_stage(found: &Faults) -> Markup {
    let [sent, errors, lost, recovery, _] = faults::COLUMNS.map(Number);
    let headings = [Text("state"), Text("fault"), sent, errors, lost, recovery, Text("what happened")];
    let demands = note(html! { (found.stage) ": " (found.demands()) "." });
    joined([table(&format!("faults of {}", found.stage), &headings, found.rows.iter().map(of_row)), demands])
}

fn of_row(found: &Row) -> Markup {
    let [sent, errors, lost, recovery, state] = faults::cells(found);
    let names = [cell(chip(tone(found.state), &state)), head(found.kind.name())];
    let numbers = [sent, errors, lost, recovery].map(number);
    let remarks = cell(faults::remarks(found).join("; "));
    row(names.into_iter().chain(numbers).chain([remarks]))
}

const fn tone(state: RowState) -> &'static str {
    match state {
        RowState::AsExpected => "good",
        RowState::NotAsExpected => "bad",
        RowState::Skipped | RowState::Unknown => "open",
    }
}
