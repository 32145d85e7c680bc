//! Reaches the hub and says hello.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::JoinError;
use crate::frame::{self, FrameError, FrameReader, text};
use crate::hello::{Hello, LONGEST_HELLO, Reply, Welcome};
use crate::tls::{ConnectError, connect};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// One attempt to reach the hub may take this long.
const ATTEMPT: Nanos = Nanos::from_secs(5);

/// The pause between two attempts.
const PAUSE: Nanos = Nanos::from_millis(250);

/// The hub answers a hello within this time.
const REPLY: Nanos = Nanos::from_secs(10);

/// Tries to reach the hub until `wait` is over.
pub(crate) async fn dial(hub: &str, wait: Nanos, connector: &TlsConnector) -> Result<TlsStream<TcpStream>, JoinError> {
    let end = Mono::now().after(wait);
    loop {
        let cause = match timeout(ATTEMPT.duration(), attempt(hub, connector)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(ConnectError::Certificate)) => return Err(JoinError::Certificate { hub: hub.to_owned() }),
            Ok(Err(ConnectError::Io(cause))) => cause,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        if Mono::now() >= end {
            return Err(JoinError::Unreachable { hub: hub.to_owned(), waited: wait, cause });
        }
        sleep(PAUSE.min(end.remaining()).duration()).await;
    }
}

async fn attempt(hub: &str, connector: &TlsConnector) -> Result<TlsStream<TcpStream>, ConnectError> {
    let stream = TcpStream::connect(hub).await.map_err(ConnectError::Io)?;
    // Without it, small frames would wait for acknowledgements.
    stream.set_nodelay(true).map_err(ConnectError::Io)?;
    connect(connector, stream).await
}

/// Says hello over a stream to the hub.
pub(crate) async fn greet<S>(stream: &mut S, hub: &str, hello: &Hello) -> Result<Welcome, JoinError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let no_answer = |source| JoinError::NoAnswer { hub: hub.to_owned(), source };
    frame::write(stream, &text(hello)).await.map_err(|error| no_answer(FrameError::Io(error)))?;
    let message = FrameReader::new(stream, LONGEST_HELLO).next_within(REPLY).await.map_err(no_answer)?;
    match serde_json::from_slice(&message) {
        Ok(Reply::Welcome(welcome)) => Ok(welcome),
        Ok(Reply::Refused(why)) => Err(JoinError::Refused { hub: hub.to_owned(), why }),
        Err(error) => Err(no_answer(FrameError::Malformed(error))),
    }
}
