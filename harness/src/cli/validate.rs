//! Implements `harness validate`: checks every artifact against the schema of its kind and reports every wrong field.

use std::path::Path;

use super::args::ValidateArgs;
use super::error::{Error, print_text};
use crate::measure::metric::Absent;
use crate::report::validate::{Checked, Fault, Kind, check, files};
use crate::scenario::{self, Scenario};
use harness_base::exit::Exit;

/// Number of faults that are shown per file; a file of another kind has thousands.
const SHOWN: usize = 20;

/// Checks every file before it returns.
pub(super) fn validate(args: &ValidateArgs) -> Result<Exit, Error> {
    let forced = args.kind.as_ref().and_then(|name| Kind::ALL.into_iter().find(|kind| kind.name() == name));
    let checked: Vec<Checked> = args.files.iter().flat_map(|path| of_path(path, forced)).collect();
    checked.iter().for_each(|checked| print_text(describe(checked)));
    let broken = checked.iter().filter(|checked| !checked.faults.is_empty()).count();
    let total = checked.len();
    let plural = if total == 1 { "" } else { "s" };
    if broken == 0 {
        print_text(format!("{total} file{plural} valid\n"));
        return Ok(Exit::Pass);
    }
    print_text(format!("{broken} of {total} file{plural} not valid\n"));
    Ok(Exit::InvalidInput)
}

fn of_path(path: &Path, forced: Option<Kind>) -> Vec<Checked> {
    match files(path) {
        Ok(files) => files.iter().map(|file| one(file, forced)).collect(),
        Err(Absent(why)) => vec![Checked { path: path.to_owned(), kind: None, faults: vec![Fault::whole(why)] }],
    }
}

fn one(path: &Path, forced: Option<Kind>) -> Checked {
    let mut checked = check(path, forced);
    if checked.kind == Some(Kind::Scenario) && checked.faults.is_empty() {
        checked.faults = match Scenario::read(path, &[]) {
            Ok(_) => Vec::new(),
            Err(scenario::Error::Mistakes { mistakes, .. }) => {
                mistakes.iter().map(|mistake| Fault::whole(mistake.to_string())).collect()
            }
            Err(error) => vec![Fault::whole(error.to_string())],
        };
    }
    checked
}

/// Formats `FILE: ok, a scenario`, or the faults of the file, each with its field.
fn describe(checked: &Checked) -> String {
    let path = checked.path.display();
    let kind = checked.kind.map_or("unknown", Kind::about);
    if checked.faults.is_empty() {
        return format!("{path}: ok, {kind}\n");
    }
    let mut text = format!("{path}: not valid as {kind}\n");
    if checked.kind.is_none() {
        text = format!("{path}: not valid\n");
    }
    for Fault { pointer, message } in checked.faults.iter().take(SHOWN) {
        let place = if pointer.is_empty() { String::new() } else { format!("{pointer}: ") };
        text.push_str(&format!("  {place}{message}\n"));
    }
    if let Some(more @ 1..) = checked.faults.len().checked_sub(SHOWN) {
        text.push_str(&format!("  and {more} more\n"));
    }
    text
}
