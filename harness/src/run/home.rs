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

/// A directory could not be created.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the directory {path}: {cause}; choose another place with --out DIR")]
pub struct Error {
    path: String,
    cause: io::Error,
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
        let logs = results.join("logs");
        fs::create_dir_all(&logs).map_err(|cause| Error { path: logs.display().to_string(), cause })?;
        let shown = results;
        let results = fs::canonicalize(&shown).unwrap_or_else(|_| shown.clone());
        Ok(Self { run_id, results, shown, scratch })
    }
}
