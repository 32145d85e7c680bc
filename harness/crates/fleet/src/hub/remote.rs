//! The way to a hub in a pod: one connection through a port-forward, in place of pipes.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::error::HubError;
use harness_base::units::Nanos;

/// Listens at a port of this machine that no other machine reaches.
pub(super) async fn listen(port: u16) -> Result<TcpListener, HubError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    listener.map_err(|source| HubError::Port { port, source })
}

/// Accepts the connection of control, and no other after it. A connection that ends before it sends anything is not that of control.
pub(super) async fn accept(listener: TcpListener, wait: Nanos) -> Result<TcpStream, HubError> {
    let accepted = async {
        loop {
            let (stream, _) = listener.accept().await?;
            if stream.peek(&mut [0]).await.is_ok_and(|bytes| bytes > 0) {
                // Without it, small frames would wait for acknowledgements.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
        }
    };
    let accepted: Result<io::Result<TcpStream>, _> = timeout(wait.duration(), accepted).await;
    Ok(accepted.map_err(|_| HubError::NoControl { waited: wait })??)
}
