//! Removes outdated baselines: those of pull requests 30 days after their last promotion; all others are kept.

use std::path::PathBuf;

use super::choice::is_of_pull_request;
use super::record::Baseline;
use super::store::Held;
use super::{Error, Store};
use harness_base::clock;

/// Days for which the baseline of a pull request is kept.
pub const KEEP_DAYS: u64 = 30;

const DAY_S: u64 = 86_400;

/// An outdated baseline of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    pub path: PathBuf,
    /// Whole days since the last promotion.
    pub days: u64,
}

/// Removes the baselines of pull requests whose last promotion was more than `keep_days` days before `now` (seconds
/// since 1970, UTC), or only lists them with `dry_run`. The second list contains those that are kept because they
/// cannot be read, so that their age is unknown.
///
/// # Errors
/// Returns an [`Error`] if a folder cannot be read or a file cannot be removed.
pub fn prune(store: &Store, now: u64, keep_days: u64, dry_run: bool) -> Result<(Vec<Pruned>, Vec<Error>), Error> {
    let (mut pruned, mut unknown) = (Vec::new(), Vec::new());
    for Held { name, path, content, .. } in store.list()? {
        if !is_of_pull_request(&name) {
            continue;
        }
        let age = match content {
            Ok(baseline) => age_s(&baseline, now),
            Err(error) => {
                unknown.push(error);
                continue;
            }
        };
        if age > keep_days.saturating_mul(DAY_S) {
            if !dry_run {
                std::fs::remove_file(&path).map_err(|cause| Error::Unwritable { path: path.clone(), cause })?;
            }
            pruned.push(Pruned { path, days: age / DAY_S });
        }
    }
    Ok((pruned, unknown))
}

/// Returns the seconds since the last promotion; 0 if it is later than `now`.
fn age_s(baseline: &Baseline, now: u64) -> u64 {
    let last = baseline.runs.iter().filter_map(|run| clock::unix_of(&run.promoted_at)).max();
    last.map_or(0, |last| now.saturating_sub(last))
}
