//! Selects the text for stdout.

use super::error::Error;
use super::terminal::coloured;
use crate::report::{self, Summary};

/// Name of the format for a terminal.
pub(super) const TABLE: &str = "table";

/// Returns the text for stdout: a format by its name, or only the verdict line.
pub(super) fn shown(summary: &Summary<'_>, name: &str, quiet: bool) -> Result<String, Error> {
    if quiet && name == TABLE {
        return Ok(coloured(&format!("{}\n", summary.headline), summary.judgement.exit));
    }
    let Some(format) = report::format(name) else { return Ok(String::new()) };
    let rendered = format.render(summary).map_err(|error| Error::tooling(&error))?;
    let text = String::from_utf8_lossy(&rendered).into_owned();
    Ok(if name == TABLE { coloured(&text, summary.judgement.exit) } else { text })
}
