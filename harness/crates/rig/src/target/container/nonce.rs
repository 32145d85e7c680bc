//! Proves that a run of this user made something: an image of a stranger can bring any label, but not a number that only we know.
//!
//! A run that uses containers writes a file whose name is a random number, and puts the number on everything that it makes. The file is
//! removed at the end of the run.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Digits of a number.
const DIGITS: usize = 32;
/// After this time the file of a killed run is removed.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// Returns the folders of the files: in the state folder of the user, and if that cannot be written, in the folder for temporary files. The
/// owner of each file is checked.
fn folders() -> Vec<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    let temporary = std::env::temp_dir().join(format!("harness-state-{}", nix::unistd::geteuid()));
    state.into_iter().chain([temporary]).map(|folder| folder.join("harness/runs")).collect()
}

/// Creates a number and its file.
///
/// # Errors
/// Returns the I/O error.
pub(super) fn create() -> io::Result<String> {
    let mut random = [0; DIGITS / 2];
    fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    let number: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut refused = io::Error::from(io::ErrorKind::NotFound);
    for folder in folders() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        let options = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(&number));
        match made.and_then(|()| options()) {
            Ok(_) => {
                forget_old(&folder);
                return Ok(number);
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Returns the file of a number that a run of this user created.
fn file(number: &str) -> Option<PathBuf> {
    let user = nix::unistd::geteuid().as_raw();
    let is_number = number.len() == DIGITS && number.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_ours = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|facts| facts.is_file() && facts.uid() == user);
    folders().into_iter().map(|folder| folder.join(number)).find(|path| is_number && is_ours(path))
}

/// Returns whether a run of this user created the number.
pub(super) fn is_known(number: &str) -> bool {
    file(number).is_some()
}

/// Removes the file of a number, when nothing has it any more.
pub(super) fn forget(number: &str) {
    // A file that stays is removed later.
    let _kept = file(number).map(fs::remove_file);
}

/// Removes the files of runs that were killed long ago.
fn forget_old(folder: &std::path::Path) {
    let is_old = |facts: &fs::Metadata| {
        let age = facts.modified().ok().and_then(|made| SystemTime::now().duration_since(made).ok());
        facts.is_file() && age.is_some_and(|age| age > KEPT)
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.metadata().is_ok_and(|facts| is_old(&facts)) {
            let _kept = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_created_is_known() {
        let number = create().unwrap();
        assert!(is_known(&number) && number.len() == DIGITS);
        for other in ["", "0", "../x", &"0".repeat(DIGITS), &number[1..]] {
            assert!(!is_known(other), "{other}");
        }
        forget(&number);
        assert!(!is_known(&number));
    }
}
