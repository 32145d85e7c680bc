//! Writing what a run leaves behind. What was measured is not lost to a disk that is full: it is kept somewhere else.

use std::path::{Path, PathBuf};

use nix::sys::signal::{SigSet, Signal};

use super::error::Error;
use crate::report::{self, Summary};
use crate::run::{Home, chain};
use crate::verdict::{Stored, stored};

/// What could not be written, what there is instead, and what to type.
#[derive(Debug, thiserror::Error)]
enum Unwritten {
    /// The result, which is kept elsewhere.
    #[error(
        "{cause}; the result is kept in {}: make room (look with: df -h {}), then type: harness report {} --out {}",
        kept.display(), results.display(), kept.display(), results.display()
    )]
    Kept { cause: String, kept: PathBuf, results: PathBuf },
    /// The result, and the copy of it.
    #[error(
        "{cause}; it could not be kept elsewhere either: {instead}; what was printed is all that is left of it, and what the journal \
         has: harness report {}",
        results.display()
    )]
    Lost { cause: String, instead: String, results: PathBuf },
    /// Some report; the result is there.
    #[error("{cause}; the result itself is complete: harness report {} --out DIR writes all reports of it", results.display())]
    Report { cause: String, results: PathBuf },
}

/// Writes the result and every report of it into the run's folder.
///
/// # Errors
/// The first file that could not be written. A result is then kept in the folder for temporary files.
pub(super) fn write(stored: &Stored, summary: &Summary<'_>, home: &Home) -> Result<(), Error> {
    let results = home.results.clone();
    let unwritten = match stored.write(&results.join(stored::RESULT)) {
        Ok(()) => match report::write(summary, &results) {
            Ok(_) => return Ok(()),
            Err(error) => Unwritten::Report { cause: chain(&error), results },
        },
        Err(error) => {
            let (cause, kept) = (chain(&error), std::env::temp_dir().join(format!("harness-kept-{}", home.run_id)));
            match keep(stored, &kept) {
                Ok(()) => Unwritten::Kept { cause, kept, results },
                Err(error) => Unwritten::Lost { cause, instead: chain(&error), results },
            }
        }
    };
    Err(Error::tooling(&unwritten))
}

/// Writes the result into `folder`, which is not there yet, or leaves nothing there.
fn keep(stored: &Stored, folder: &Path) -> Result<(), stored::Error> {
    let unwritable = |source| stored::Error::Unwritable { path: folder.to_owned(), source };
    std::fs::create_dir(folder).map_err(unwritable)?;
    let written = stored.write(&folder.join(stored::RESULT));
    if written.is_err() {
        drop(std::fs::remove_dir_all(folder));
    }
    written
}

/// A file that grows beyond the limit of `ulimit -f` is an error of its write from now on, as a full disk is, and not the end of this
/// process: the signal is blocked. Called before there is any other thread.
pub(super) fn outlive_the_file_limit() {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    // It cannot be refused for a signal that exists.
    let _blocked = signals.thread_block();
}
