//! What a run is held against: the baseline that was asked for, or the one of the branch rules.

use super::args::RunArgs;
use super::error::Error;
use crate::baseline::branch::{Rule, Surroundings};
use crate::baseline::{self, Found, Wanted};
use crate::host;
use crate::measure::record::GitFacts;
use crate::plan::Plan;

/// Reads the baseline before anything is started: a wrong name must not cost the time of a run.
/// [`Found::for_run`] then tells what of it the record can be held against.
pub(super) fn find(args: &RunArgs, plan: &Plan) -> Result<Found, Error> {
    let wanted = args.baseline.as_deref().map(Wanted::typed);
    let rule = rule(host::git(&plan.folder).as_ref());
    baseline::find(&args.baseline_dir, &plan.scenario.name, wanted.as_ref(), &rule).map_err(|error| refused(&error))
}

/// The branch rule that holds here; `git` is the working copy that the scenario lies in.
pub(super) fn rule(git: Option<&GitFacts>) -> Rule {
    let variable = |name: &str| std::env::var(name).ok();
    Surroundings::new(variable, git.map(|git| git.branch.clone())).rule()
}

/// A baseline that cannot be taken is invalid input; a disk that cannot be written is not.
pub(super) fn refused(error: &baseline::Error) -> Error {
    match error {
        baseline::Error::Unwritable { .. } => Error::tooling(error),
        _ => Error::input(error),
    }
}
