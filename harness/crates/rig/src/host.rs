//! Host: what this machine, this working copy and these files are, and the lock that keeps runs apart.

mod data;
mod facts;
mod fingerprint;
mod git;
mod lock;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use harness_base::units::hexadecimal;

pub use data::{GitFacts, HostFacts, ToolFacts};
pub use facts::{facts, virtualization, word};
pub use git::git;
pub use lock::Lock;

/// What can go wrong on the host.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file to be described cannot be read.
    #[error("{} cannot be read: {source}; look at it with: ls -l {}", path.display(), path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// Another run holds the lock.
    #[error("another run{} measures on this host, and two would disturb each other; wait until it ends, or stop it{}",
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(),
        pid.map(|pid| format!(": kill {pid}")).unwrap_or_default())]
    Busy {
        /// The other run, if it wrote itself down.
        pid: Option<i32>,
    },
    /// The lock file cannot be used at all.
    #[error("the lock {} cannot be taken: {source}; look at it with: ls -l {}", path.display(), path.display())]
    NoLock { path: PathBuf, source: std::io::Error },
}

pub fn tool() -> ToolFacts {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    ToolFacts { version: env!("CARGO_PKG_VERSION").to_owned(), profile: profile.to_owned() }
}

/// Size in bytes and SHA-256 (hexadecimal) of a file, read in pieces.
///
/// # Errors
/// [`Error::Unreadable`].
pub fn executable(path: &Path) -> Result<(u64, String), Error> {
    digest(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

fn digest(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut size, mut piece) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece)? {
            0 => break,
            length => {
                hash.update(&piece[..length]);
                size += length as u64;
            }
        }
    }
    Ok((size, hexadecimal(&hash.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_described_by_the_bytes_in_it() {
        let own = std::env::current_exe().unwrap();
        let (size, sha256) = executable(&own).unwrap();
        assert_eq!(size, std::fs::metadata(&own).unwrap().len());
        let other = std::process::Command::new("sha256sum").arg(&own).output().unwrap();
        assert_eq!(String::from_utf8(other.stdout).unwrap().split_whitespace().next(), Some(sha256.as_str()));
        let said = executable(Path::new("/nonexistent/target")).unwrap_err().to_string();
        assert!(said.starts_with("/nonexistent/target cannot be read: "), "{said}");
    }

    #[test]
    fn a_busy_host_says_who_and_what_to_do() {
        let said = Error::Busy { pid: Some(42) }.to_string();
        assert!(said.starts_with("another run (pid 42) measures on this host"), "{said}");
        assert!(said.ends_with("or stop it: kill 42"), "{said}");
        assert!(Error::Busy { pid: None }.to_string().ends_with("or stop it"));
    }
}
