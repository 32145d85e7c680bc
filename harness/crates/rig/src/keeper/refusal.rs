//! Reasons why the keeper refuses a request.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cgroup;

/// The reason why a process was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No such program in `PATH`.
    #[error(
        "{program}: no such program in PATH ({path}); install it or name it by its path; check with: command -v \
         {program}"
    )]
    NotInPath {
        program: String,
        /// The `PATH` that was searched.
        path: String,
    },
    #[error("{program}: no such file; build it or correct its path; check with: ls -l {program}")]
    NotFound { program: String },
    #[error("{program}: is not executable; make it so with: chmod +x {program}")]
    NotExecutable { program: String },
    /// The file exists, but its interpreter does not.
    #[error("{program}: its interpreter or dynamic loader is missing; check with: head -c 80 {program}; ldd {program}")]
    NoInterpreter { program: String },
    /// The kernel cannot run it.
    #[error(
        "{program}: is not a program this machine can run (other architecture, or a script without #!); check with: \
         file {program}"
    )]
    WrongFormat { program: String },
    /// The working folder is missing.
    #[error("{program}: its working folder {} does not exist; create it with: mkdir -p {}", folder.display(), folder.display())]
    NoFolder {
        program: String,
        #[serde(with = "super::raw_path")]
        folder: PathBuf,
    },
    /// The CPUs are not allowed.
    #[error(
        "{program}: cpuset {asked:?} names a CPU that is not among the allowed {allowed:?}; check with: nproc; taskset \
         -p $$"
    )]
    NoSuchCpu {
        program: String,
        asked: Vec<u64>,
        /// The CPUs of this process.
        allowed: Vec<u64>,
    },
    /// Its limits cannot be set.
    #[error("{program}: its limits cannot be set: {error}")]
    NoGroup { program: String, error: cgroup::Error },
    /// The log file cannot be written.
    #[error("{program}: its log {} cannot be written: {message}", log.display())]
    NoLog {
        program: String,
        #[serde(with = "super::raw_path")]
        log: PathBuf,
        message: String,
    },
    /// The scratch folder cannot be made.
    #[error("the scratch folder {} cannot be created: {message}", path.display())]
    NoScratch {
        #[serde(with = "super::raw_path")]
        path: PathBuf,
        message: String,
    },
    /// The child or the signal does not exist.
    #[error("the keeper does not know {message}")]
    Unknown { message: String },
    #[error("{program}: could not be started: {message}")]
    Failed { program: String, message: String },
}

impl Refusal {
    /// Returns whether the host is the reason, and not what the scenario names.
    pub const fn is_of_host(&self) -> bool {
        matches!(
            self,
            Self::NoGroup { .. }
                | Self::NoLog { .. }
                | Self::NoScratch { .. }
                | Self::Unknown { .. }
                | Self::Failed { .. }
        )
    }
}
