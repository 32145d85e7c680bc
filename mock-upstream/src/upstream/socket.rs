//! The socket below a connection, on which injected errors act: below TLS, if the connection has it.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::server::TlsStream;

use super::behaviour::ErrorKind;
use crate::server::Socket;

/// Bytes that begin neither an HTTP message nor a TLS record.
const GARBAGE: &[u8] = b"\xff\xfe this is neither HTTP nor TLS \x00\r\n\r\n";

/// A stream of bytes over a socket.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Returns the socket and sends nothing that belongs to a layer above it.
    fn into_socket(self) -> Socket;
}

impl Transport for Socket {
    fn into_socket(self) -> Self {
        self
    }
}

impl Transport for TlsStream<Socket> {
    fn into_socket(self) -> Socket {
        self.into_inner().0
    }
}

/// Breaks the connection.
pub(crate) async fn break_off(mut socket: Socket, kind: ErrorKind) {
    // This fails when the client has closed the connection first.
    let _ = match kind {
        ErrorKind::Reset => socket.reset_on_drop(),
        ErrorKind::Close => socket.shutdown().await,
        ErrorKind::Garbage => socket.write_all(GARBAGE).await,
        ErrorKind::HalfClose => half_close(socket).await,
    };
}

/// Closes the writing side, and reads until the client closes the connection.
async fn half_close(mut socket: Socket) -> std::io::Result<()> {
    socket.shutdown().await?;
    let mut buffer = [0; 1024];
    while socket.read(&mut buffer).await? > 0 {}
    Ok(())
}
