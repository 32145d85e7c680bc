//! Reruns the stages with blocks: a block is published only if an immediate rerun confirms it.

use super::error::{Error, print_warning};
use super::measuring::Measuring;
use crate::measure::Record;
use crate::plan::Plan;
use crate::run::Home;
use crate::verdict::context::Confirmation;
use crate::verdict::judgement::Ground;
use crate::verdict::{self, Context, Judgement, Options, Stored, stored};
use harness_base::exit::Exit;

/// Judges the record. If it has blocks, their stages run again immediately, and the record is judged with the result of
/// this rerun, which is stored in the folder `confirm` of the run. If the rerun fails, the first result is kept.
pub(super) fn judge(plan: &Plan, home: &Home, record: &Record, options: Options, measuring: &Measuring) -> Judgement {
    let judgement = verdict::judge(record, &plan.claims, options.clone());
    let stages = judgement.needs_confirmation();
    if stages.is_empty() || !options.gates.confirm || record.interrupted || !measuring.may_repeat(plan) {
        return judgement;
    }
    print_warning(&format!("worse beyond the limit in {}: measuring again to confirm it", stages.join(", ")));
    match second_look(&plan.only(&stages), home, &options, measuring) {
        Ok(Some(confirmation)) => {
            let context = Context { confirmation: Some(confirmation), ..options.context };
            verdict::judge(record, &plan.claims, Options { context, ..options })
        }
        Ok(None) => unconfirmed(judgement, Exit::Interrupted),
        Err(error) => unconfirmed(judgement, error.print()),
    }
}

/// Runs the plan again and judges it separately against the same base, without claims, which are judged on the first
/// run. Returns `None` if it was interrupted.
fn second_look(
    plan: &Plan,
    home: &Home,
    options: &Options,
    measuring: &Measuring,
) -> Result<Option<Confirmation>, Error> {
    let home = home.confirming().map_err(|error| Error::tooling(&error))?;
    let rerun = measuring.run(plan, &home, &[])?;
    let interrupted = rerun.interrupted;
    let seen = verdict::judge(&rerun, &[], options.clone());
    let stored = Stored::new(rerun, seen).map_err(|error| Error::tooling(&error))?;
    stored.write(&home.results.join(stored::RESULT)).map_err(|error| Error::tooling(&error))?;
    Ok((!interrupted).then(|| Confirmation::new(&home.run_id, &stored.judgement)))
}

/// Returns the judgement without a confirmation.
fn unconfirmed(mut judgement: Judgement, exit: Exit) -> Judgement {
    judgement.grounds.insert(0, Ground::Unconfirmed { exit });
    Judgement { exit: judgement.exit.join(exit), ..judgement }
}
