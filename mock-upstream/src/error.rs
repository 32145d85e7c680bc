//! The error of both programs.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::tls::TlsError;

/// The reason why one of the two programs could not start or continue.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is in use, or does not belong to this host.
    #[error("cannot listen on {address} ({flag}): {cause}; pass a free address, or port 0 together with --announce")]
    Listen {
        /// The flag that named the address.
        flag: &'static str,
        address: SocketAddr,
        cause: io::Error,
    },
    /// Another process listens at the path, or its folder does not allow it.
    #[error(
        "cannot listen on unix:{} ({flag}): {cause}; pass a path in a folder that exists, at which no other process listens",
        path.display()
    )]
    ListenUnix {
        /// The flag that named the path.
        flag: &'static str,
        path: PathBuf,
        cause: io::Error,
    },
    /// The runtime, a signal handler or a thread could not be set up.
    #[error("cannot set up {what}: {cause}; check `ulimit -n -u`")]
    Setup { what: &'static str, cause: io::Error },
    /// A child process could not be started.
    #[error("cannot start {what} from {program}: {cause}; check that the file is still there and executable")]
    Spawn { what: &'static str, program: String, cause: io::Error },
    /// The files of TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Approvals cannot be asked for.
    #[error(transparent)]
    Approve(Box<dyn std::error::Error + Send + Sync>),
    /// Flags contradict each other.
    #[error(transparent)]
    Flags(Box<dyn std::error::Error + Send + Sync>),
    /// The process that should serve after `--double-fork` exited before it listened.
    #[error("the double-forked process exited before it listened; run it without --double-fork to see why")]
    ForkedProcessDied,
}

impl Error {
    /// Turns an [`io::Error`] into [`Error::Setup`] of `what`.
    pub(crate) fn setup(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Setup { what, cause }
    }
}
