//! Groups whose keeper was killed before it could remove them.

use std::path::{Path, PathBuf};

use super::find::hierarchies;
use super::name::maker;
use super::remove::{below, kill_and_remove};
use harness_base::units::Nanos;

/// Levels below a mount that are searched. The kernel has no limit, but nobody nests that deep.
const DEPTH: usize = 32;
/// Time for what lives in one of them to end.
const PATIENCE: Nanos = Nanos::from_secs(2);

/// What became of the leftovers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleared {
    pub removed: Vec<PathBuf>,
    /// Directories that could not be removed.
    pub kept: Vec<PathBuf>,
}

/// Directories of groups that a keeper made which no longer runs.
pub fn leftovers() -> Vec<PathBuf> {
    let mut found = Vec::new();
    // A tree that is mounted twice is searched at both places; removing what is gone already is no failure.
    hierarchies().iter().for_each(|point| search(point, DEPTH, &mut found));
    found
}

/// Kills what lives in [`leftovers`] and removes them.
pub fn remove_leftovers() -> Cleared {
    let (removed, kept) = leftovers().into_iter().partition(|path| kill_and_remove(path, PATIENCE));
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
