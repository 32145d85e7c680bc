//! Errors between control and the keeper.

use std::path::PathBuf;

use super::refusal::Refusal;

/// What can go wrong between the control process and the keeper.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keeper could not be started.
    #[error("the keeper could not be started from {}: {source}; check that this file is the harness binary", exe.display())]
    Start {
        /// The binary that was to become the keeper.
        exe: PathBuf,
        source: std::io::Error,
    },
    /// The keeper ended. It took everything it had started with it.
    #[error(
        "the keeper process (pid {pid}) is gone, and all it had started with it; its last words, if any, are in {}; \
         was it killed? try: dmesg | tail",
        log.display()
    )]
    Gone {
        pid: i32,
        /// What it wrote to stderr.
        log: PathBuf,
    },
    /// The keeper did not answer in time.
    #[error("the keeper process (pid {pid}) did not answer within {seconds} s; look at it with: cat /proc/{pid}/stack")]
    Silent { pid: i32, seconds: u64 },
    /// Talking to the keeper failed.
    #[error("talking to the keeper process failed: {0}")]
    Wire(std::io::Error),
    /// It answered something else than was asked for: two versions of harness talk to each other.
    #[error("the keeper answered something else than was asked for; was the harness binary replaced during the run?")]
    Confused,
    /// The process could not be started.
    #[error(transparent)]
    Refused(#[from] Refusal),
}
