//! `harness report`: a stored result again, or what is left of a run that was killed.

use std::path::Path;

use super::args::ReportArgs;
use super::error::{Error, print_text};
use super::run::shown;
use crate::exit::Exit;
use crate::measure::Record;
use crate::report::{self, Summary};
use crate::scenario;
use crate::verdict::{self, Context, Judgement, stored};

/// Judges the record again, renders it, and writes all formats where `--out` says so; the exit code is that of the verdict.
pub(super) fn report(args: &ReportArgs) -> Result<Exit, Error> {
    let opened = stored::open(&args.result).map_err(|error| Error::input(&error))?;
    let judgement = judged_again(&opened.record, opened.context);
    let folder =
        if args.result.is_dir() { args.result.as_path() } else { args.result.parent().unwrap_or(Path::new(".")) };
    let summary = Summary::new(&opened.record, &judgement).in_folder(folder).partial(opened.partial);
    if let Some(out) = &args.out {
        report::write_all(&summary, out).map_err(|error| Error::tooling(&error))?;
    }
    print_text(&shown(&summary, &args.format, args.quiet)?);
    args.github.tell(&summary, folder)?;
    Ok(judgement.exit)
}

/// The judgement of a stored record, from the record and what it was judged with.
pub(super) fn judged_again(record: &Record, context: Context) -> Judgement {
    let facts = &record.scenario;
    let claims = scenario::claims(&facts.text, &facts.overrides);
    let gates = verdict::gate::of_text(&facts.text, &facts.overrides);
    verdict::judge(record, &claims, verdict::Options { gates, context, ..verdict::Options::default() })
}
