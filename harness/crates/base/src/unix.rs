//! Unix sockets: whether a process listens, and connecting as over TCP.

use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Returns whether `path` is a socket at which no process listens.
pub fn is_stale(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    is_socket && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// Connects to the socket at `path`. As over TCP, a full queue delays the connection.
///
/// # Errors
/// Returns the error of the kernel, for example if no process listens.
#[cfg(feature = "connect")]
pub async fn connect(path: &Path) -> std::io::Result<tokio::net::UnixStream> {
    /// The time between two attempts while the queue is full.
    const QUEUE: std::time::Duration = std::time::Duration::from_millis(1);
    loop {
        match tokio::net::UnixStream::connect(path).await {
            Err(error) if error.kind() == ErrorKind::WouldBlock => tokio::time::sleep(QUEUE).await,
            connected => return connected,
        }
    }
}
