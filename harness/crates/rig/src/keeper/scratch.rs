//! Folders for the temporary files of a run, and leftovers of such folders.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use harness_base::files;

/// A folder younger than this may not be locked yet.
const YOUNG: Duration = Duration::from_secs(5);

/// A scratch folder. The keeper holds its lock, and the kernel releases the lock however the keeper ends.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Creates the folder and its parents.
    pub(super) fn make(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        // Other users have no business in it.
        DirBuilder::new().mode(0o700).create(&path)?;
        let lock = File::open(&path)?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(Self { path, _lock: lock })
    }

    /// Removes the folder with its content.
    pub(super) fn remove(&self) -> io::Result<()> {
        files::remove_tree(&self.path)
    }
}

/// Returns the scratch folders in `parent` that no keeper has locked.
pub fn scratch_leftovers(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| is_name_of_a_run(&entry.file_name().to_string_lossy()));
    ours.map(|entry| entry.path()).filter(|path| is_abandoned(path)).collect()
}

/// Recognizes names like `harness-20261121T125622Z-27674` and `harness-20261121T125622Z-27674-retry-1`: the time of the run, the pid of the
/// control process, and which part of the run it is for.
fn is_name_of_a_run(name: &str) -> bool {
    let Some((time, pid)) = name.strip_prefix("harness-").and_then(|run| run.split_once('-')) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (date, clock) = time.split_once('T').unwrap_or_default();
    digits(pid.split('-').next().unwrap_or_default())
        && digits(date)
        && date.len() == 8
        && clock.strip_suffix('Z').is_some_and(digits)
}

fn is_abandoned(path: &Path) -> bool {
    let Ok(about) = fs::symlink_metadata(path) else { return false };
    let age = about.modified().ok().and_then(|made| SystemTime::now().duration_since(made).ok());
    about.is_dir()
        && age.is_some_and(|age| age >= YOUNG)
        && File::open(path).is_ok_and(|folder| folder.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_runs_with_an_ended_keeper_are_leftovers() {
        let parent = std::env::temp_dir().join(format!("scratch-test-{}", std::process::id()));
        let [held, left, other] = ["harness-20261121T125622Z-27674", "harness-20261121T125622Z-27675", "harness-other"]
            .map(|name| parent.join(name));
        let held = Scratch::make(held).unwrap();
        drop(Scratch::make(left.clone()).unwrap());
        drop(Scratch::make(other).unwrap());
        assert_eq!(scratch_leftovers(&parent), [""; 0].map(PathBuf::from), "too young");
        let past = SystemTime::now() - 2 * YOUNG;
        for path in [&held.path, &left] {
            File::open(path).unwrap().set_modified(past).unwrap();
        }
        assert_eq!(scratch_leftovers(&parent), [left]);
        let is_ours =
            ["27674-fleet", "27674-retry-1"].map(|end| is_name_of_a_run(&format!("harness-20261121T125622Z-{end}")));
        assert!(is_ours == [true, true] && !is_name_of_a_run("harness-20261121T125622Z-fleet"));
        held.remove().unwrap();
        fs::remove_dir_all(&parent).unwrap();
    }
}
