//! Errors of control groups.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// What to do when a group cannot be created.
const INSTEAD: &str =
    "run as root, or with: systemd-run --user --scope -p Delegate=yes harness …, or put the target into a container";

/// Why a group could not be created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    #[error(
        "no control groups are mounted (/proc/self/mountinfo has none that hold this process); mount them with: \
         mount -t cgroup2 none /sys/fs/cgroup, or put the target into a container"
    )]
    NotMounted,
    /// The controller of a limit is missing.
    #[error(
        "the controller {controller} is missing: {} does not offer it; check with: cat {}; it may be switched off on the \
         kernel's command line, or not be delegated to this user: {INSTEAD}", file.display(), file.display()
    )]
    NoController {
        controller: String,
        /// The file that should name it.
        file: PathBuf,
    },
    #[error("{} may not be written: permission denied; {INSTEAD}", path.display())]
    NotPermitted { path: PathBuf },
    /// The hierarchy is read-only.
    #[error(
        "{} is mounted read-only, as in a container without privileges; run harness outside of it, or check with: \
         grep cgroup /proc/self/mountinfo", path.display()
    )]
    ReadOnly { path: PathBuf },
    /// Version 2: a group that contains processes may not distribute resources to groups below it.
    #[error(
        "{} holds processes, and the kernel lets a group either hold processes or divide {controllers} among groups below it \
         (no internal processes), and none above it may be used; {INSTEAD}", path.display()
    )]
    Occupied {
        path: PathBuf,
        /// The controllers to distribute.
        controllers: String,
    },
    #[error("{}: {action}: {message}; check with: ls -l {}", path.display(), path.display())]
    Refused { path: PathBuf, action: String, message: String },
}

/// Explains why `action` on `path` failed.
pub(super) fn explain(path: &Path, action: &str, error: &io::Error) -> Error {
    let path = path.to_owned();
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EACCES | Errno::EPERM) => Error::NotPermitted { path },
        Some(Errno::EROFS) => Error::ReadOnly { path },
        _ => Error::Refused { path, action: action.to_owned(), message: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_and_the_next_command() {
        let path = Path::new("/sys/fs/cgroup/cpu/new");
        let message = |errno: Errno| explain(path, "making this group", &errno.into()).to_string();
        let permission = message(Errno::EACCES);
        assert!(
            permission.starts_with("/sys/fs/cgroup/cpu/new may not be written") && permission.contains("run as root")
        );
        assert!(message(Errno::EROFS).contains("/sys/fs/cgroup/cpu/new is mounted read-only"));
        let other = message(Errno::EINVAL);
        assert!(other.contains("making this group: Invalid argument") && other.contains("ls -l"), "{other}");
    }
}
