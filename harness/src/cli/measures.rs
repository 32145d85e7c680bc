//! Implements `harness measures`, which prints the measures of Bencher for scripts.

use super::error::{Error, print_text};
use crate::measure::metric;
use harness_base::exit::Exit;
use harness_base::printable::Printable;

/// Prints the list of measures as JSON.
pub(super) fn measures() -> Result<Exit, Error> {
    let json = serde_json::to_string_pretty(&metric::measures()).map_err(|error| Error::tooling(&error))?;
    print_text(Printable::json(&(json + "\n")));
    Ok(Exit::Pass)
}
