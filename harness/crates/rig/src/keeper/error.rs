//! Errors between control and the keeper.

use std::path::PathBuf;

use super::refusal::Refusal;

/// The reason why the keeper cannot do what control asks for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keeper could not be started.
    #[error("the keeper could not be started from {}: {cause}; check that this file is the harness binary", exe.display())]
    Start {
        /// The binary of the keeper.
        exe: PathBuf,
        cause: std::io::Error,
    },
    /// The keeper has ended, and everything that it had started with it.
    #[error(
        "the keeper process (pid {pid}) has ended, and all processes that it had started with it; its last output, if any, is in {}; \
         was it killed? try: dmesg | tail",
        log.display()
    )]
    Gone {
        pid: i32,
        /// The file with its stderr.
        log: PathBuf,
    },
    /// The keeper did not answer in time.
    #[error("the keeper process (pid {pid}) did not answer within {seconds} s; inspect it with: cat /proc/{pid}/stack")]
    Silent { pid: i32, seconds: f64 },
    /// The socket to the keeper failed.
    #[error("the connection to the keeper process failed: {0}")]
    Wire(std::io::Error),
    /// The answer does not match the request, for example because control and keeper are different versions.
    #[error("the keeper's answer does not match the request; was the harness binary replaced during the run?")]
    Confused,
    /// The process could not be started.
    #[error(transparent)]
    Refused(#[from] Refusal),
}
