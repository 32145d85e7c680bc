//! `harness check`: what would be done, without doing it.

use super::args::CheckArgs;
use super::error::{Error, print_text};
use super::run::plan;
use crate::exit::Exit;
use crate::scenario::{self, Scenario};

/// Prints the plan, or the schema.
pub(super) fn check(args: &CheckArgs) -> Result<Exit, Error> {
    if let Some(path) = args.scenario.as_ref().filter(|_| !args.schema) {
        let scenario = Scenario::read(path, &args.selection.overrides()).map_err(|error| Error::input(&error))?;
        print_text(&plan(&scenario, &args.selection)?.to_string());
    } else {
        let schema = serde_json::to_string_pretty(&scenario::schema()).map_err(|error| Error::tooling(&error))?;
        print_text(&(schema + "\n"));
    }
    Ok(Exit::Pass)
}
