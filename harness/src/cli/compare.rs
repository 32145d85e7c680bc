//! Implements `harness compare`: compares stored results without starting anything.

use std::path::PathBuf;

use super::args::{CompareArgs, CompareFormat, Rule};
use super::convert::fail_on;
use super::error::{Error, print_text};
use crate::report::compare::{annotations, json, table};
use crate::verdict::compare::{self, Options};
use harness_base::exit::Exit;
use harness_base::printable::Printable;

/// Judges every pair, then prints the result.
pub(super) fn compare(args: &CompareArgs) -> Result<Exit, Error> {
    let options = Options { rule: args.rule.map(rule), fail_on: fail_on(args.fail_on) };
    let comparison = compare::compare(&pairs(&args.files)?, options);
    match args.format {
        CompareFormat::Table => print_text(table(&comparison)),
        CompareFormat::Json => print_text(Printable::json(&json(&comparison).map_err(|error| Error::tooling(&error))?)),
    }
    let on_github = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    if on_github && args.format == CompareFormat::Table {
        print_text(annotations(&comparison));
    }
    Ok(comparison.exit)
}

fn pairs(files: &[PathBuf]) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
    let (pairs, rest) = files.as_chunks::<2>();
    if let [alone] = rest {
        let message = format!(
            "{} has no second file to compare with; type `harness compare BASE HEAD [BASE HEAD]…`",
            alone.display()
        );
        return Err(Error::tooling(&std::io::Error::other(message)));
    }
    Ok(pairs.iter().map(|[base, head]| (base.clone(), head.clone())).collect())
}

const fn rule(wanted: Rule) -> compare::Rule {
    match wanted {
        Rule::Default => compare::Rule::Default,
        Rule::Aether => compare::Rule::Aether,
        Rule::Qnet => compare::Rule::Qnet,
    }
}
