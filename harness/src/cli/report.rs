//! `harness report`: a stored result again, or what is left of a run that was killed.

use std::path::Path;

use super::args::ReportArgs;
use super::error::{Error, print_text};
use super::run::shown;
use crate::exit::Exit;
use crate::report::Summary;
use crate::scenario;
use crate::verdict::{self, stored};

/// Judges the record again and renders it; the exit code is that of the verdict.
pub(super) fn report(args: &ReportArgs) -> Result<Exit, Error> {
    let opened = stored::open(&args.result).map_err(|error| Error::input(&error))?;
    let facts = &opened.record.scenario;
    let claims = scenario::claims(&facts.text, &facts.overrides);
    let judgement = verdict::judge(&opened.record, &claims, verdict::Options::default());
    let folder =
        if args.result.is_dir() { args.result.as_path() } else { args.result.parent().unwrap_or(Path::new(".")) };
    let summary = Summary::new(&opened.record, &judgement).in_folder(folder).partial(opened.partial);
    print_text(&shown(&summary, args.format, args.quiet)?);
    args.github.tell(&summary, folder)?;
    Ok(judgement.exit)
}
