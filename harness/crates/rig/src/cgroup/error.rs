//! Errors of control groups.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// Ways to run when a group cannot be created.
const INSTEAD: &str =
    "run as root, or with: systemd-run --user --scope -p Delegate=yes harness …, or put the target into a container";

/// The reason why a group could not be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    NotMounted,
    /// The controller of a limit is missing.
    NoController {
        controller: String,
        /// The file that should name it.
        file: PathBuf,
    },
    NotPermitted {
        path: PathBuf,
    },
    /// The hierarchy is read-only.
    ReadOnly {
        path: PathBuf,
    },
    /// Version 2: a group that contains processes may not distribute resources to groups below it.
    Occupied {
        path: PathBuf,
        /// The controllers to distribute.
        controllers: String,
    },
    Refused {
        path: PathBuf,
        action: String,
        message: String,
    },
}

impl Error {
    /// Describes what failed.
    pub fn problem(&self) -> String {
        match self {
            Self::NotMounted => {
                "no control groups are mounted (/proc/self/mountinfo has none that hold this process)".to_owned()
            }
            Self::NoController { controller, file } => {
                format!("the controller {controller} is missing: {} does not offer it", file.display())
            }
            Self::NotPermitted { path } => format!("{} may not be written: permission denied", path.display()),
            Self::ReadOnly { path } => {
                format!("{} is mounted read-only, as in a container without privileges", path.display())
            }
            Self::Occupied { path, controllers } => format!(
                "{} holds processes, and the kernel lets a group either hold processes or divide {controllers} among groups \
                 below it (no internal processes), and none above it may be used",
                path.display()
            ),
            Self::Refused { path, action, message } => format!("{}: {action}: {message}", path.display()),
        }
    }

    /// Describes what to do.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotMounted => {
                "mount them with: mount -t cgroup2 none /sys/fs/cgroup, or put the target into a container".to_owned()
            }
            Self::NoController { file, .. } => format!(
                "check with: cat {}; it may be switched off on the kernel's command line, or not be delegated to this user: \
                 {INSTEAD}",
                file.display()
            ),
            Self::NotPermitted { .. } | Self::Occupied { .. } => INSTEAD.to_owned(),
            Self::ReadOnly { .. } => {
                "run harness outside of it, or check with: grep cgroup /proc/self/mountinfo".to_owned()
            }
            Self::Refused { path, .. } => format!("check with: ls -l {}", path.display()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}", self.problem(), self.remedy())
    }
}

impl std::error::Error for Error {}

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
