//! Errors of the host.

use std::path::PathBuf;

/// Why the host cannot be described or locked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} cannot be read: {source}; inspect it with: ls -l {}", path.display(), path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// Another run holds the lock.
    #[error("another run{} measures on this host, and two would disturb each other; wait until it ends, or stop it{}",
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(),
        pid.map(|pid| format!(": kill {pid}")).unwrap_or_default())]
    Busy {
        /// The other run, if the lock file names it.
        pid: Option<i32>,
    },
    /// The lock file cannot be used.
    #[error("the lock {} cannot be taken: {source}; inspect it with: ls -l {}", path.display(), path.display())]
    NoLock { path: PathBuf, source: std::io::Error },
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
