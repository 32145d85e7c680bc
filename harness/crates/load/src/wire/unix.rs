//! Connections to unix sockets.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;

/// How long a connection waits for a place in the queue of a socket that is full.
const QUEUE: Duration = Duration::from_millis(1);

/// Connects to the socket at `path`. As with TCP, a full queue delays the connection.
pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == ErrorKind::WouldBlock => tokio::time::sleep(QUEUE).await,
            connected => return connected,
        }
    }
}
