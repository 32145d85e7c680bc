//! Removes groups whose keeper was killed before it could remove them.

use std::path::{Path, PathBuf};

use super::find::hierarchies;
use super::name::maker;
use super::remove::{below, kill_and_remove};
use harness_base::units::Nanos;

/// The number of levels below a mount that are searched.
const DEPTH: usize = 32;
/// The time for the processes in a group to end.
const TIMEOUT: Nanos = Nanos::from_secs(2);

/// The result of removing leftovers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleared {
    pub removed: Vec<PathBuf>,
    /// The directories that could not be removed.
    pub kept: Vec<PathBuf>,
}

/// Returns the directories of groups whose keeper has ended.
pub fn leftovers() -> Vec<PathBuf> {
    let mut found = Vec::new();
    // A tree that is mounted twice is searched at both places. Removing a group that was removed already does not fail.
    hierarchies().iter().for_each(|point| search(point, DEPTH, &mut found));
    found
}

/// Kills the processes in [`leftovers`] and removes the groups.
pub fn remove_leftovers() -> Cleared {
    let (removed, kept) = leftovers().into_iter().partition(|path| kill_and_remove(path, TIMEOUT));
    Cleared { removed, kept }
}

fn search(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for path in below(directory) {
        let maker = path.file_name().and_then(|name| maker(&name.to_string_lossy()));
        match maker {
            Some(maker) if maker.is_gone() => found.push(path),
            Some(_) => {}
            None if depth > 0 => search(&path, depth - 1, found),
            None => {}
        }
    }
}
