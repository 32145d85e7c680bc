//! Echo over QUIC: each stream that the client opens in both directions.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, Incoming, RecvStream, SendStream, ServerConfig, TransportConfig, VarInt};
use tokio::task::JoinSet;

use super::messages::Messages;
use super::state::{Echo, count};
use super::tcp::CHUNK;
use crate::clock::Sleeper;
use crate::server::{GRACE, Stop};

/// Streams that a connection may have at the same time. QUIC prepares all of them when a connection begins, so many of them would lengthen
/// the handshake: 65,536 take 15 ms.
const STREAMS: u32 = 1 << 10;

/// Binds the socket at `address`. Must be called within a runtime.
pub(super) fn bind(address: SocketAddr, tls: rustls::ServerConfig) -> io::Result<Endpoint> {
    let crypto = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
    let mut transport = TransportConfig::default();
    transport.max_concurrent_bidi_streams(STREAMS.into()).max_concurrent_uni_streams(VarInt::from_u32(0));
    // Slices of another transport may take longer than any timeout.
    transport.max_idle_timeout(None);
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    Endpoint::server(config, address)
}

/// Serves until the stop signal, and then closes every connection.
pub(super) async fn serve(endpoint: Endpoint, echo: Arc<Echo>, mut stop: Stop) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => drop(connections.spawn(connection(incoming, Arc::clone(&echo)))),
                None => break,
            },
            Some(_) = connections.join_next() => {}
            _ = stop.changed() => break,
        }
    }
    endpoint.close(VarInt::from_u32(0), b"the server stops");
    // The clients may have gone already.
    let _ = tokio::time::timeout(GRACE, endpoint.wait_idle()).await;
}

async fn connection(incoming: Incoming, echo: Arc<Echo>) {
    // Data of a resumed session are echoed before the handshake is complete.
    let Ok(Ok((connection, _))) = incoming.accept().map(quinn::Connecting::into_0rtt) else { return };
    count(&echo.counts.quic_connections);
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept_bi() => {
                let Ok((send, receive)) = accepted else { return };
                count(&echo.counts.streams);
                if receive.is_0rtt() {
                    count(&echo.counts.early_streams);
                }
                let echo = Arc::clone(&echo);
                streams.spawn(async move {
                    // The client sees how its stream ended.
                    let _ = echoing(send, receive, &echo).await;
                });
            }
            Some(_) = streams.join_next() => {}
        }
    }
}

async fn echoing(mut send: SendStream, mut receive: RecvStream, echo: &Echo) -> io::Result<()> {
    let (mut read, mut out) = (vec![0; CHUNK], Vec::new());
    let (mut messages, mut sleeper) = (Messages::default(), Sleeper::default());
    while let Some(length) = receive.read(&mut read).await? {
        let due = Mono::now().after(Nanos::of(echo.delay));
        echo.counts.bytes.fetch_add(length as u64, Relaxed);
        out.clear();
        if messages.pass(&read[..length], &mut out, || echo.next()) && !echo.delay.is_zero() {
            sleeper.sleep_until(due).await;
        }
        send.write_all(&out).await?;
    }
    // The client may have left the stream.
    let _ = send.finish();
    Ok(())
}
