//! The loop that reruns to confirm: a block is published only when a second look shows it too.

use super::error::{Error, print_warning};
use super::run::measure;
use crate::exit::Exit;
use crate::measure::Record;
use crate::plan::Plan;
use crate::run::Home;
use crate::verdict::context::Confirmation;
use crate::verdict::{self, Context, Judgement, Options, Stored, stored};

/// Judges the record. Where that finds a block, the stages that hold it are run again at once, and the record is judged with what
/// they show then; the rerun stays in the folder `confirm` of the run.
///
/// # Errors
/// The rerun could not begin or be written.
pub(super) fn judge(
    plan: &Plan,
    home: &Home,
    record: &Record,
    options: Options,
    quiet: bool,
) -> Result<Judgement, Error> {
    let judgement = verdict::judge(record, &plan.claims, options.clone());
    let stages = judgement.needs_confirmation();
    if stages.is_empty() || !options.gates.confirm || record.interrupted {
        return Ok(judgement);
    }
    print_warning(&format!("worse beyond the limit in {}: running it again to be sure", stages.join(", ")));
    let home = home.confirming().map_err(|error| Error::tooling(&error))?;
    let rerun = measure(&plan.only(&stages), &home, quiet)?;
    let interrupted = rerun.interrupted;
    let seen = look(rerun, &home, &options)?;
    if interrupted {
        return Ok(stopped(judgement));
    }
    let context = Context { confirmation: Some(Confirmation::new(&home.run_id, &seen)), ..options.context };
    Ok(verdict::judge(record, &plan.claims, Options { context, ..options }))
}

/// The rerun by itself, against the same base; claims are judged once, on the first run.
fn look(rerun: Record, home: &Home, options: &Options) -> Result<Judgement, Error> {
    let seen = verdict::judge(&rerun, &[], options.clone());
    let stored = Stored::new(rerun, seen).map_err(|error| Error::tooling(&error))?;
    stored.write(&home.results.join(stored::RESULT)).map_err(|error| Error::tooling(&error))?;
    Ok(stored.judgement)
}

/// What was found, without the second look.
fn stopped(judgement: Judgement) -> Judgement {
    let mut reasons = vec!["stopped while a block was looked at again; what was measured before is kept".to_owned()];
    reasons.extend(judgement.reasons);
    Judgement { exit: judgement.exit.join(Exit::Interrupted), reasons, ..judgement }
}
