//! Errors of the host.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

/// The reason why the host cannot be described or locked.
#[derive(Debug)]
pub enum Error {
    Unreadable {
        path: PathBuf,
        cause: std::io::Error,
    },
    /// Another run holds the lock.
    Busy {
        /// The other run, if the lock file names it.
        pid: Option<i32>,
    },
    /// The lock file cannot be used.
    NoLock {
        path: PathBuf,
        cause: std::io::Error,
    },
}

impl Error {
    /// Describes what failed.
    pub fn problem(&self) -> String {
        match self {
            Self::Unreadable { path, cause } => format!("{} cannot be read: {cause}", path.display()),
            Self::Busy { pid } => {
                let pid = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
                format!("another run{pid} measures on this host, and two would disturb each other")
            }
            Self::NoLock { path, cause } => format!("the lock {} cannot be taken: {cause}", path.display()),
        }
    }

    /// Describes what to do.
    pub fn remedy(&self) -> String {
        match self {
            Self::NoLock { cause, .. } if has_no_place(cause) => {
                "make a writable folder and name it, for example with: mkdir -p ~/tmp && export TMPDIR=~/tmp".to_owned()
            }
            Self::Unreadable { path, .. } | Self::NoLock { path, .. } => {
                format!("inspect it with: ls -l {}", path.display())
            }
            Self::Busy { pid } => {
                let kill = pid.map(|pid| format!(": kill {pid}")).unwrap_or_default();
                format!("wait until it ends, or stop it{kill}")
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}", self.problem(), self.remedy())
    }
}

impl std::error::Error for Error {}

/// Returns whether a file cannot be made because its folder is read-only or does not exist.
pub(super) fn has_no_place(cause: &std::io::Error) -> bool {
    matches!(cause.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_host_says_who_and_what_to_do() {
        let said = Error::Busy { pid: Some(42) }.to_string();
        assert!(said.starts_with("another run (pid 42) measures on this host"), "{said}");
        assert!(said.ends_with("or stop it: kill 42"), "{said}");
        assert!(Error::Busy { pid: None }.to_string().ends_with("or stop it"));
    }
}
