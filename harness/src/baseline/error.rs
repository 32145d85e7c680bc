//! What can be wrong with a baseline.

use std::path::PathBuf;

use super::record::SCHEMA_VERSION;

/// Why a baseline cannot be read, written or taken. All are exit code 2, except [`Error::Unwritable`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A baseline that was asked for by name is not there.
    #[error(
        "there is no baseline {name} of scenario {scenario}: {path} does not exist; `harness baseline list` shows what there is, `harness baseline promote RESULT --name {name}` makes one"
    )]
    Missing { name: String, scenario: String, path: PathBuf },
    /// A baseline that was asked for by its file is not there.
    #[error("the baseline {path} does not exist; `harness baseline list` shows what there is")]
    MissingFile { path: PathBuf },
    /// It is there and cannot be read.
    #[error("the baseline {path} cannot be read: {source}; check its permissions with `ls -l {path}`")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the baseline {path} is damaged, it is not JSON: {why}; take it from git again: `git checkout -- {path}`")]
    NotJson {
        path: PathBuf,
        /// What is wrong, with line and column.
        why: String,
    },
    /// It is JSON and breaks the rules of its layout.
    #[error(
        "the baseline {path} is malformed: {why}; take it from git again (`git checkout -- {path}`), or remove it and promote anew"
    )]
    Malformed { path: PathBuf, why: String },
    /// A newer harness wrote it.
    #[error(
        "the baseline {path} was written by a newer harness: layout {found}, this one reads up to {SCHEMA_VERSION}; update this harness (`harness --version`)"
    )]
    Newer { path: PathBuf, found: u64 },
    /// It belongs to another scenario than the run.
    #[error(
        "the baseline {path} is of scenario {found}, the run is of scenario {wanted}; name a baseline of {wanted}: `harness baseline list`"
    )]
    OtherScenario {
        path: PathBuf,
        found: String,
        /// Whose it would have to be.
        wanted: String,
    },
    /// A name that cannot be the name of a file.
    #[error(
        "{name:?} cannot name a baseline: 1 to 64 letters, digits, `-`, `_` or `.`, beginning with a letter or digit; for example `--name main`"
    )]
    BadName { name: String },
    /// The run is already in it.
    #[error("run {run_id} is already in the baseline {path}; look at it with `harness baseline show {name}`")]
    Twice { run_id: String, name: String, path: PathBuf },
    /// A metric has another unit or direction than in the runs before.
    #[error(
        "{id} is in {found}, in the runs of the baseline {path} it is in {stored}; two units cannot be one history: promote into another one with `--name NAME`"
    )]
    OtherUnit {
        id: String,
        /// Unit and direction in the run.
        found: String,
        /// Unit and direction in the baseline.
        stored: String,
        path: PathBuf,
    },
    #[error("the baseline {path} cannot be written: {source}; choose another folder with `--dir DIR`")]
    Unwritable { path: PathBuf, source: std::io::Error },
}
