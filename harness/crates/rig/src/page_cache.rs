//! Drops files from the page cache, so that the next program has to read them from a storage device.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use procfs::process::Process;
use serde::{Deserialize, Serialize};

const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

/// What was dropped. Pages that a running program has mapped remain in either case, for example those of the C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// The page cache of the whole host.
    Host,
    /// The program and its inputs.
    Files,
}

/// The reason why files cannot be dropped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {cause}", path.display())]
    File { path: PathBuf, cause: io::Error },
    #[error("the kernel does not count the bytes that are read from storage devices (/proc/self/io)")]
    Uncounted,
    #[error(
        "after the page cache was dropped, {} bytes were read without the storage device: the files are on a file system in memory, or \
         another program has them mapped; choose a folder on a disk with TMPDIR",
        bytes
    )]
    StillCached { bytes: u64 },
}

/// Writes everything to the storage devices and drops the page cache of the host if this process may do so, otherwise that of `files` and of
/// the files in those of them that are folders.
///
/// # Errors
/// Returns [`Error::File`].
pub fn drop_files(files: &[PathBuf]) -> Result<Dropped, Error> {
    nix::unistd::sync();
    // The kernel refuses this to users and in most containers.
    if std::fs::write(DROP_CACHES, "3").is_ok() {
        return Ok(Dropped::Host);
    }
    for path in files {
        each_file(path, &mut |file| Ok(posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?))?;
    }
    Ok(Dropped::Files)
}

/// Drops `files`, and checks that reading them needs the storage device. Returns what was dropped.
///
/// # Errors
/// Returns [`Error::StillCached`] if more than half of their bytes were in memory, or the reason why this cannot be checked.
pub fn check(files: &[PathBuf]) -> Result<Dropped, Error> {
    let dropped = drop_files(files)?;
    let before = fetched().ok_or(Error::Uncounted)?;
    let mut bytes = 0;
    for path in files {
        each_file(path, &mut |mut file| {
            bytes += io::copy(&mut Read::by_ref(&mut file), &mut io::sink())?;
            Ok(())
        })?;
    }
    let read = fetched().ok_or(Error::Uncounted)?.saturating_sub(before);
    let cached = bytes.saturating_sub(read);
    if cached > bytes / 2 { Err(Error::StillCached { bytes: cached }) } else { Ok(dropped) }
}

/// Returns the bytes that this process has read from storage devices.
fn fetched() -> Option<u64> {
    Process::myself().ok()?.io().ok().map(|io| io.read_bytes)
}

/// Calls `then` with a file, or with each file below a folder.
fn each_file(path: &Path, then: &mut impl FnMut(&File) -> io::Result<()>) -> Result<(), Error> {
    let failed = |cause| Error::File { path: path.to_owned(), cause };
    if path.is_dir() {
        for entry in std::fs::read_dir(path).map_err(failed)? {
            each_file(&entry.map_err(failed)?.path(), then)?;
        }
        return Ok(());
    }
    File::open(path).and_then(|file| then(&file)).map_err(failed)
}
