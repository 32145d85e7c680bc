//! Errors of a node.

use std::io;
use std::path::PathBuf;

use crate::frame::FrameError;
use crate::hello::Refusal;
use harness_base::units::Nanos;

/// The reason why a node did not take part, or not until the end.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("cannot start its event loop")]
    Runtime(#[source] io::Error),
    #[error("cannot watch the processes of the pod")]
    Watch(#[source] io::Error),
    #[error("cannot read the program {}", .path.display())]
    Program { path: PathBuf, source: io::Error },
    #[error("TLS cannot be used")]
    Tls(#[from] rustls::Error),
    #[error(
        "no hub answered at {hub} within {waited}: {cause}; start the run on the other machine, and check the address and the way there"
    )]
    Unreachable { hub: String, waited: Nanos, cause: io::Error },
    #[error(
        "the server at {hub} has another certificate than the hub of the secret; take both secrets from one call of: harness fleet secret"
    )]
    Certificate { hub: String },
    #[error("the hub at {hub} refused this node: {why}")]
    Refused { hub: String, why: Refusal },
    #[error("the hub at {hub} did not answer the hello")]
    NoAnswer { hub: String, source: FrameError },
    #[error("the hub is lost, so the load was ended")]
    Lost(#[from] FrameError),
    #[error("the node was told to end before the run was over")]
    ToldToEnd,
}
