//! Defines the errors of baselines.

use std::path::PathBuf;

use super::record::SCHEMA_VERSION;

/// Errors when a baseline is read, written or used. All are exit code 2, except [`Error::Unwritable`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The baseline with the requested name does not exist.
    #[error(
        "there is no baseline {name} of scenario {scenario}: {path} does not exist; `harness baseline list` lists the \
         existing ones, `harness baseline promote RESULT --name {name}` makes one"
    )]
    Missing { name: String, scenario: String, path: PathBuf },
    /// The requested file does not exist.
    #[error("the baseline {path} does not exist; `harness baseline list` lists the existing ones")]
    MissingFile { path: PathBuf },
    /// The file exists but cannot be read.
    #[error("the baseline {path} cannot be read: {cause}; check its permissions with `ls -l {path}`")]
    Unreadable { path: PathBuf, cause: std::io::Error },
    #[error(
        "the baseline {path} is damaged, because it is not JSON: {cause}; take it from git again: `git checkout -- \
         {path}`"
    )]
    NotJson {
        path: PathBuf,
        /// The mistake, with line and column.
        cause: serde_json::Error,
    },
    /// The file is JSON but violates the rules of its layout.
    #[error(
        "the baseline {path} is malformed: {why}; take it from git again (`git checkout -- {path}`), or remove it and \
         promote again"
    )]
    Malformed { path: PathBuf, why: String },
    /// A newer harness wrote the file.
    #[error(
        "the baseline {path} was written by a newer harness: layout {found}, this one reads up to {SCHEMA_VERSION}; update this harness (`harness --version`)"
    )]
    Newer { path: PathBuf, found: u64 },
    /// The baseline belongs to another scenario than the run.
    #[error(
        "the baseline {path} belongs to scenario {found}, but the run to scenario {wanted}; find the baselines of \
         {wanted} with `harness baseline list`"
    )]
    OtherScenario {
        path: PathBuf,
        found: String,
        /// The scenario of the run.
        wanted: String,
    },
    /// The name cannot be a file name.
    #[error(
        "{name:?} is not a valid baseline name: use 1 to 64 letters, digits, `-`, `_` or `.`, beginning with a letter \
         or digit; for example `--name main`"
    )]
    BadName { name: String },
    /// The scenario of a result has a name that cannot be a folder.
    #[error(
        "the result names scenario {name:?}, which no scenario can have: 1 to 64 letters, digits, `-` or `_`; measure again with `harness run`"
    )]
    BadScenario { name: String },
    /// The path of the baseline leads through a symbolic link.
    #[error("{path} is a symbolic link, through which no baseline is written; remove it with `rm {path}`")]
    Link { path: PathBuf },
    /// The run is already in the baseline.
    #[error("run {run_id} is already in the baseline {path}; look at it with `harness baseline show {name}`")]
    Twice { run_id: String, name: String, path: PathBuf },
    /// A metric has another unit or direction than in the earlier runs.
    #[error(
        "{id} has the unit {found}, but {stored} in the runs of the baseline {path}; promote into another baseline \
         with `--name NAME`"
    )]
    OtherUnit {
        id: String,
        /// Unit and direction in the run.
        found: String,
        /// Unit and direction in the baseline.
        stored: String,
        path: PathBuf,
    },
    #[error("the baseline {path} cannot be written: {cause}; choose another folder with `--dir DIR`")]
    Unwritable { path: PathBuf, cause: std::io::Error },
}
