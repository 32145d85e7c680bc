//! Writes the result and the reports of a run. If the disk is full, the result is saved in another folder.

use std::path::{Path, PathBuf};

use nix::sys::signal::{SigSet, Signal};

use super::error::Error;
use crate::report::{self, Summary};
use crate::run::Home;
use crate::verdict::{Stored, stored};
use harness_base::error::chain;

/// Files that could not be written, with the alternative and the command to type.
#[derive(Debug, thiserror::Error)]
enum Unwritten {
    /// The result, which was saved elsewhere.
    #[error(
        "{cause}; the result was saved in {} instead; free space (check with: df -h {}), then run: harness report {} \
         --out {}",
        kept.display(), results.display(), kept.display(), results.display()
    )]
    Kept { cause: String, kept: PathBuf, results: PathBuf },
    /// The result and its copy.
    #[error(
        "{cause}; it could not be saved elsewhere either: {instead}; only the printed output and the journal remain; \
         read the journal with: harness report {}",
        results.display()
    )]
    Lost { cause: String, instead: String, results: PathBuf },
    /// A report; the result exists.
    #[error("{cause}; the result itself is complete; write all its reports with: harness report {} --out DIR", results.display())]
    Report { cause: String, results: PathBuf },
}

/// Writes the result and all its reports into the folder of the run.
///
/// # Errors
/// Returns the error of the first file that could not be written. The result is then saved in the folder for temporary
/// files.
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

/// Writes the result into the new folder `folder`, or removes the folder if that fails.
fn keep(stored: &Stored, folder: &Path) -> Result<(), stored::Error> {
    let unwritable = |cause| stored::Error::Unwritable { path: folder.to_owned(), cause };
    std::fs::create_dir(folder).map_err(unwritable)?;
    let written = stored.write(&folder.join(stored::RESULT));
    if written.is_err() {
        drop(std::fs::remove_dir_all(folder));
    }
    written
}

/// Blocks SIGXFSZ, so that exceeding `ulimit -f` is a write error, like a full disk, instead of the end of this
/// process. Must be called before any other thread exists.
pub(super) fn outlive_the_file_limit() {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    // Cannot fail for an existing signal.
    let _blocked = signals.thread_block();
}
