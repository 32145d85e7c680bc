//! Selects the text for stdout.

use super::args::DetailArgs;
use super::error::Error;
use super::terminal::coloured;
use crate::report::{self, Summary, brief};
use harness_base::printable::Printable;

/// Name of the format for a terminal.
pub(super) const TABLE: &str = "table";

/// Returns the text for stdout: a format by its name. For a terminal, the verdict line, one screen, or everything.
pub(super) fn shown(summary: &Summary<'_>, name: &str, detail: &DetailArgs) -> Result<Printable, Error> {
    if name == TABLE && !detail.verbose {
        let text = if detail.quiet { format!("{}\n", summary.headline) } else { brief::render(summary) };
        return Ok(coloured(&text, summary.judgement.exit));
    }
    let Some(format) = report::format(name) else { return Ok(Printable::of("")) };
    let rendered = format.render(summary).map_err(|error| Error::tooling(&error))?;
    let text = String::from_utf8_lossy(&rendered).into_owned();
    Ok(match name {
        TABLE => coloured(&text, summary.judgement.exit),
        _ if format.file_name().ends_with(".json") => Printable::json(&text),
        _ => Printable::of(&text),
    })
}
