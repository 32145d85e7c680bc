//! Creates the directories of a run: the result directory, which remains, and the scratch directory, which is removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use harness_base::clock;

/// Name of the folder of a rerun in that of its run.
const CONFIRM: &str = "confirm";

/// The places of one run.
#[derive(Debug, Clone)]
pub struct Home {
    /// Name of the run: UTC time and process id, so that names sort by time.
    pub run_id: String,
    /// `<out>/<scenario>/<run-id>`: the permanent files; absolute.
    pub results: PathBuf,
    /// The same path as the user would type it.
    pub shown: PathBuf,
    /// Working directories and rendered files; the keeper creates it and removes it at the end.
    pub scratch: PathBuf,
}

/// The directories of a run cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot make the directory {path}: {cause}; choose another place with --out DIR")]
    NotMade { path: String, cause: io::Error },
    /// The placeholders `{file.NAME}` and the variable TMPDIR of programs are texts.
    #[error("the folder for temporary files {} is not UTF-8, so programs cannot be given its path; type: export TMPDIR=/tmp", path.display())]
    NotText { path: PathBuf },
}

impl Home {
    /// Creates the directories of a run of `scenario` below `out`.
    ///
    /// # Errors
    /// Returns an error if a directory cannot be created.
    pub fn make(out: &Path, scenario: &str) -> Result<Self, Error> {
        let stamp = clock::rfc3339(clock::unix_seconds()).replace(['-', ':'], "");
        let run_id = format!("{stamp}-{:05}", std::process::id());
        Self::made(out.join(scenario).join(&run_id), run_id)
    }

    /// Creates the directories of a rerun that confirms this run, inside those of this run.
    ///
    /// # Errors
    /// Returns an error if a directory cannot be created.
    pub fn confirming(&self) -> Result<Self, Error> {
        Self::made(self.shown.join(CONFIRM), format!("{}-{CONFIRM}", self.run_id))
    }

    /// Creates the directories of another attempt of this run, next to those of this run; names of attempts sort in
    /// their order.
    ///
    /// # Errors
    /// Returns an error if a directory cannot be created.
    pub fn retrying(&self, retry: usize) -> Result<Self, Error> {
        let run_id = format!("{}-retry-{retry}", self.run_id);
        Self::made(self.shown.with_file_name(&run_id), run_id)
    }

    fn made(results: PathBuf, run_id: String) -> Result<Self, Error> {
        let scratch = std::env::temp_dir().join(format!("harness-{run_id}"));
        if scratch.to_str().is_none() {
            return Err(Error::NotText { path: std::env::temp_dir() });
        }
        let logs = results.join("logs");
        fs::create_dir_all(&logs).map_err(|cause| Error::NotMade { path: logs.display().to_string(), cause })?;
        let shown = results;
        let results = fs::canonicalize(&shown).unwrap_or_else(|_| shown.clone());
        Ok(Self { run_id, results, shown, scratch })
    }
}
