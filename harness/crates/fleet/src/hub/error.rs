//! Errors of the hub.

use std::io;
use std::net::SocketAddr;

use crate::secret::SecretError;
use harness_base::units::Nanos;

/// The reason why the hub ends early.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error("expected no arguments, or --port and a number, but found {given}")]
    Arguments { given: String },
    #[error("cannot use its pipes, or start its event loop")]
    Io(#[from] io::Error),
    #[error("cannot keep other processes from reading its memory")]
    Dumpable(#[source] io::Error),
    #[error("cannot read its own program")]
    Binary(#[source] io::Error),
    #[error("the order cannot be parsed")]
    Order(#[source] serde_json::Error),
    #[error("a fleet of {nodes} nodes is not possible; it has from 1 to 1000")]
    Nodes { nodes: u64 },
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the certificate of the fleet cannot be used")]
    Tls(#[from] rustls::Error),
    #[error(
        "cannot listen at {address}: {cause}; set `listen` in [fleet] to an address of this machine that the nodes reach, and a free port"
    )]
    Listen { address: SocketAddr, cause: io::Error },
    #[error("cannot listen for control at port {port} of its own machine")]
    Port { port: u16, source: io::Error },
    #[error("control did not connect within {waited}")]
    NoControl { waited: Nanos },
    #[error("it was told to end before the run was over")]
    ToldToEnd,
}
