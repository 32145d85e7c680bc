//! The socket below a connection, on which injected errors act: below TLS, if the connection has it.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::behaviour::ErrorKind;

/// Bytes that begin neither an HTTP message nor a TLS record.
const GARBAGE: &[u8] = b"\xff\xfe this is neither HTTP nor TLS \x00\r\n\r\n";

/// A stream of bytes over a socket.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Returns the socket and sends nothing that belongs to a layer above it.
    fn into_socket(self) -> TcpStream;
}

impl Transport for TcpStream {
    fn into_socket(self) -> TcpStream {
        self
    }
}

impl Transport for TlsStream<TcpStream> {
    fn into_socket(self) -> TcpStream {
        self.into_inner().0
    }
}

/// Breaks the connection.
pub(crate) async fn break_off(mut socket: TcpStream, kind: ErrorKind) {
    // This fails when the client has closed the connection first.
    let _ = match kind {
        ErrorKind::Reset => socket.set_zero_linger(),
        ErrorKind::Close => socket.shutdown().await,
        ErrorKind::Garbage => socket.write_all(GARBAGE).await,
        ErrorKind::HalfClose => half_close(socket).await,
    };
}

/// Closes the writing side, and reads until the client closes the connection.
async fn half_close(mut socket: TcpStream) -> std::io::Result<()> {
    socket.shutdown().await?;
    let mut buffer = [0; 1024];
    while socket.read(&mut buffer).await? > 0 {}
    Ok(())
}
