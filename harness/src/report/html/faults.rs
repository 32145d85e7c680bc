//! Faults as a table.

use super::super::{Summary, faults};
use super::text::{chip, escaped, scrolling};
use crate::verdict::faults::{Faults, Row, RowState};

/// A table for every stage with faults.
pub(super) fn tables(summary: &Summary<'_>) -> String {
    summary.judgement.faults.iter().map(table).collect()
}

fn table(found: &Faults) -> String {
    let [sent, errors, lost, recovery, _] = faults::COLUMNS;
    let head = format!(
        "<thead><tr><th>state</th><th>fault</th><th class=\"number\">{sent}</th><th class=\"number\">{errors}</th>\
         <th class=\"number\">{lost}</th><th class=\"number\">{recovery}</th><th>what happened</th></tr></thead>"
    );
    let rows: String = found.rows.iter().map(row).collect();
    scrolling(&format!("faults of {}", found.stage), &format!("<table>{head}\n<tbody>\n{rows}</tbody></table>\n"))
        + &format!("<p class=\"note\">{}: {}.</p>\n", escaped(&found.stage), escaped(&found.demands()))
}

fn row(row: &Row) -> String {
    let [sent, errors, lost, recovery, state] = faults::cells(row);
    format!(
        "<tr><td>{}</td><th scope=\"row\">{}</th><td class=\"number\">{sent}</td><td class=\"number\">{errors}</td>\
         <td class=\"number\">{lost}</td><td class=\"number\">{recovery}</td><td>{}</td></tr>\n",
        chip(tone(row.state), &state),
        row.kind.name(),
        escaped(&faults::remarks(row).join("; "))
    )
}

const fn tone(state: RowState) -> &'static str {
    match state {
        RowState::AsExpected => "good",
        RowState::NotAsExpected => "bad",
        RowState::Skipped | RowState::Unknown => "open",
    }
}
