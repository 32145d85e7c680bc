//! Finds the previous run: with stored evidence, an alert requires two consecutive runs.

use std::path::{Path, PathBuf};

use crate::measure::Record;
use crate::run::Home;
use crate::verdict::context::Breach;
use crate::verdict::stored::{Opened, Stored};
use crate::verdict::{Judgement, stored};
use harness_base::exit::Exit;

use super::report::judged_again;

/// Number of earlier runs that are examined, newest first.
const LOOKED_AT: usize = 20;

/// Returns the breaches of a stored run, which is judged again, because its record has a digest and its judgement has
/// none.
pub(super) fn breaches(opened: Opened) -> Vec<Breach> {
    Breach::all(&judged_again(&opened.record, opened.context))
}

/// Returns the breaches of the newest comparable run in the same folder; `None` if there is none.
pub(super) fn find(home: &Home, record: &Record) -> Option<Vec<Breach>> {
    let runs = earlier(home).into_iter().take(LOOKED_AT);
    let mut results = runs.filter_map(|run| Stored::read(&run.join(stored::RESULT)).ok());
    let before = results.find(|before| is_comparable(&before.record, &before.judgement, record))?;
    Some(Breach::all(&judged_again(&before.record, before.judgement.context)))
}

/// Lists the folders of earlier runs, newest first. Names sort by time.
fn earlier(home: &Home) -> Vec<PathBuf> {
    let Some(entries) = home.results.parent().and_then(|folder| std::fs::read_dir(folder).ok()) else {
        return Vec::new();
    };
    let older = |path: &Path| path.file_name().is_some_and(|name| *name < *home.run_id.as_str());
    let mut runs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| older(path)).collect();
    runs.sort_by(|one, other| other.cmp(one));
    runs
}

/// Returns whether a run has the same scenario and branch, was compared with stored runs and was not interrupted.
fn is_comparable(before: &Record, judgement: &Judgement, now: &Record) -> bool {
    let branch = |record: &Record| record.git.as_ref().and_then(|git| git.branch.clone());
    let (one, other) = (&before.scenario, &now.scenario);
    matches!(judgement.exit, Exit::Pass | Exit::Regressed)
        && judgement.context.against.is_some()
        && (&one.sha256, one.quick, &one.overrides) == (&other.sha256, other.quick, &other.overrides)
        && branch(before) == branch(now)
}
