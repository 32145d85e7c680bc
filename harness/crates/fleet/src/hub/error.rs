//! Errors of the hub.

use std::io;
use std::net::SocketAddr;

use crate::secret::SecretError;

/// The reason why the hub ends early.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
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
}
