//! Faults as people read them: what each cost, and whether the target did what was expected of it.

use super::text::wrap;
use crate::verdict::faults::{Faults, Row};
use harness_base::units::grouped;

const WIDTH: usize = 80;

/// The columns behind the fault.
pub(super) const COLUMNS: [&str; 5] = ["sent", "errors", "lost", "recovery", ""];

/// The faults at the terminal.
pub(super) fn table(faults: &Faults) -> String {
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

pub(super) fn markdown(faults: &Faults) -> String {
    let mut text = format!("**{}**: {}\n\n", faults.stage, faults.demands());
    text.push_str(&format!("| fault | {} |\n|---|---:|---:|---:|---:|---|\n", COLUMNS.join(" | ")));
    for row in &faults.rows {
        let remarks: String =
            remarks(row).iter().map(|message| format!(": {}", super::markdown::escaped(message))).collect();
        text.push_str(&format!("| {} | {}{remarks} |\n", row.kind.name(), cells(row).join(" | ")));
    }
    text
}

/// Requests sent, errors, lost, recovery, and whether it was as expected; a dash for what was not measured.
pub(super) fn cells(row: &Row) -> [String; 5] {
    let count = |n: Option<u64>| n.map_or_else(|| "–".to_owned(), |n| grouped(n as f64));
    let seen = row.seen.as_ref();
    [
        count(seen.map(|seen| seen.scheduled)),
        count(seen.map(crate::verdict::faults::Seen::errors)),
        count(seen.map(|seen| seen.lost)),
        row.recovery(),
        row.state.words().to_owned(),
    ]
}

/// What was not as expected, then what happened.
pub(super) fn remarks(row: &Row) -> Vec<String> {
    row.message.iter().cloned().chain(row.course()).collect()
}
