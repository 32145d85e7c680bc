//! Chooses the runs that a new run is compared with.

use std::path::{Path, PathBuf};

use super::branch::Rule;
use super::record::{Baseline, Promoted};
use super::setup::Setup;
use super::store::{Store, read_file};
use super::{Error, branch};
use crate::measure::Record;

/// The baseline that the command line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A name in the folder of baselines.
    Name(String),
    File(PathBuf),
}

/// A baseline that was read, or the reason why there is none. No run has been compared with it yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Nothing to compare a run with.
    None {
        /// The reason, with the command to type.
        why: String,
    },
    Baseline {
        baseline: Baseline,
        path: PathBuf,
        why: String,
    },
}

/// The base of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// Nothing: every comparison is inconclusive. The reports say so, but the run does not fail.
    None {
        /// The reason, with the command to type.
        why: String,
    },
    /// Runs of a baseline.
    Found {
        /// The baseline with the usable runs, oldest first, at least one: all that are comparable with the run, or else
        /// the newest of those that differ least.
        baseline: Baseline,
        path: PathBuf,
        why: String,
        /// Why its newest run is not comparable, one sentence each: the verdict is capped then. Empty if all of its
        /// runs are comparable.
        differs: Vec<String>,
        /// Why no times and rates are compared: none of its runs is from this machine since it started.
        elsewhere: Option<String>,
        /// Further warnings.
        warnings: Vec<String>,
    },
}

/// Finds the baseline of `scenario`: the one that was asked for, or that of the branch rules.
///
/// # Errors
/// Returns an [`Error`] if a baseline that was asked for does not exist, or if one exists but cannot be used. It is not
/// an error if the baseline of the rules does not exist.
pub fn find(folder: &Path, scenario: &str, wanted: Option<&Wanted>, rule: &Rule) -> Result<Found, Error> {
    let store = Store::new(folder);
    match wanted {
        Some(Wanted::File(path)) => {
            let baseline = read_file(path)?.ok_or_else(|| Error::MissingFile { path: path.clone() })?;
            if baseline.scenario != scenario {
                let (found, wanted) = (baseline.scenario, scenario.to_owned());
                return Err(Error::OtherScenario { path: path.clone(), found, wanted });
            }
            Ok(Found::Baseline { baseline, path: path.clone(), why: "--baseline names its file".to_owned() })
        }
        Some(Wanted::Name(name)) => match store.read(scenario, name)? {
            Some((baseline, path)) => Ok(Found::Baseline { baseline, path, why: "--baseline names it".to_owned() }),
            None => {
                let path = store.path(scenario, name)?;
                Err(Error::Missing { name: name.clone(), scenario: scenario.to_owned(), path })
            }
        },
        None => match store.read(scenario, rule.against)? {
            Some((baseline, path)) => Ok(Found::Baseline { baseline, path, why: rule.why.clone() }),
            None => Ok(Found::None { why: none(&store, scenario, rule) }),
        },
    }
}

/// Finds a baseline like [`find`], and selects the runs that `record` can be compared with.
///
/// # Errors
/// See [`find`].
pub fn choose(folder: &Path, wanted: Option<&Wanted>, rule: &Rule, record: &Record) -> Result<Choice, Error> {
    find(folder, &record.scenario.name, wanted, rule).map(|found| found.for_run(record))
}

fn none(store: &Store, scenario: &str, rule: &Rule) -> String {
    let Rule { against, why, .. } = rule;
    let folder = store.folder().display();
    format!(
        "{why}, but {folder} has no baseline {against} of scenario {scenario} yet; make one with `harness baseline promote RESULT --name {against}`"
    )
}

impl Wanted {
    /// Parses an argument: a text with a slash or the ending `.json` is a file, any other a name.
    pub fn typed(text: &str) -> Self {
        let is_file = text.contains('/') || text.ends_with(".json");
        if is_file { Self::File(PathBuf::from(text)) } else { Self::Name(text.to_owned()) }
    }
}

impl Found {
    /// Selects the runs that this one can be compared with, without itself.
    pub fn for_run(self, record: &Record) -> Choice {
        let (mut baseline, path, why) = match self {
            Self::None { why } => return Choice::None { why },
            Self::Baseline { baseline, path, why } => (baseline, path, why),
        };
        baseline.runs.retain(|run| run.run_id != record.run_id);
        let Some(newest) = baseline.newest().map(|run| run.run_id.clone()) else {
            let why = format!("{why}, but the only run in {} is this one; promote another", path.display());
            return Choice::None { why };
        };
        let here = Setup::of_record(record);
        let before = baseline.runs.len();
        let mut differs = Vec::new();
        let mut elsewhere = None;
        baseline.runs = usable(baseline.runs, &here, &mut differs, &mut elsewhere);
        let warnings = warnings(&baseline, &newest, before);
        Choice::Found { baseline, path, why, differs, elsewhere, warnings }
    }
}

/// Selects all comparable runs; if there is none, the newest of the same measurement on another host, else the newest
/// of another measurement on this host, else the newest.
fn usable(
    runs: Vec<Promoted>,
    here: &Setup<'_>,
    differs: &mut Vec<String>,
    elsewhere: &mut Option<String>,
) -> Vec<Promoted> {
    let rank = |run: &Promoted| {
        let there = Setup::of_promoted(run);
        let alike = here.other_measurement(&there).is_empty();
        match (alike, here.other_host(&there).is_none()) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        }
    };
    let Some(best) = runs.iter().map(rank).min() else { return runs };
    let mut runs: Vec<Promoted> = runs.into_iter().filter(|run| rank(run) == best).collect();
    if best == 0 {
        // Runs of this machine come first; the others only without them.
        let is_here = |run: &Promoted| here.other_machine(&Setup::of_promoted(run)).is_none();
        if runs.iter().any(is_here) {
            runs.retain(is_here);
        } else {
            *elsewhere = runs.last().and_then(|run| here.other_machine(&Setup::of_promoted(run)));
        }
    } else {
        runs.drain(..runs.len() - 1);
        *elsewhere = runs.last().and_then(|run| here.other_machine(&Setup::of_promoted(run)));
        differs.extend(runs.iter().flat_map(|run| here.differs(&Setup::of_promoted(run))));
    }
    runs
}

fn warnings(used: &Baseline, newest: &str, before: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    let left_out = before - used.runs.len();
    if left_out > 0 {
        let name = &used.name;
        warnings.push(format!(
            "{left_out} of {before} runs in baseline {name} are left out: they are not comparable with this one"
        ));
    }
    if let Some(run) = used.newest() {
        if run.run_id != newest {
            warnings.push(format!(
                "the newest comparable run is {}, not the newest run of the baseline, {newest}",
                run.run_id
            ));
        }
        if let Some(reason) = &run.override_reason {
            warnings.push(format!("run {} of the baseline was promoted with an override: {reason}", run.run_id));
        }
    }
    warnings
}

/// Returns whether a name is that of a baseline of a pull request.
pub(super) fn is_of_pull_request(name: &str) -> bool {
    name.starts_with(branch::PULL_PREFIX)
}
