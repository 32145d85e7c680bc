//! The connection of QUIC that the users of an arm share.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connecting, Connection, Endpoint, TransportConfig, VarInt};
use rustls::client::Resumption;
use tokio::sync::Mutex;

use super::stream::Stream;
use crate::spec::{Tls, TlsVersion};
use crate::wire::{TlsError, tls_config};

/// The way to a server of QUIC.
pub(super) struct Quic {
    address: SocketAddr,
    /// The name that the certificate of the server must have.
    name: String,
    /// For full handshakes.
    full: ClientConfig,
    /// For sessions that are resumed, with data in the first packet.
    resuming: ClientConfig,
    open: Mutex<Option<Open>>,
}

/// A socket with its connection.
struct Open {
    /// Kept, because the connection ends with it.
    _endpoint: Endpoint,
    connection: Connection,
}

/// A connection that was opened for itself. It is closed when it is dropped.
pub(super) struct Alone {
    _endpoint: Endpoint,
    pub(super) connection: Connection,
}

impl Drop for Alone {
    fn drop(&mut self) {
        close(&self.connection);
    }
}

impl Quic {
    /// Prepares the way; `packets_alone` says whether each packet is handed to the kernel alone.
    pub(super) fn new(address: SocketAddr, tls: &Tls, protocol: &str, packets_alone: bool) -> Result<Self, TlsError> {
        let tls = Tls { version: Some(TlsVersion::Tls13), ..tls.clone() };
        let (mut config, _) = tls_config(&tls, protocol.as_bytes())?;
        config.resumption = Resumption::disabled();
        let full = client(config.clone(), packets_alone)?;
        config.resumption = Resumption::in_memory_sessions(64);
        config.enable_early_data = true;
        Ok(Self {
            address,
            name: tls.server_name,
            full,
            resuming: client(config, packets_alone)?,
            open: Mutex::default(),
        })
    }

    /// Opens a stream of the shared connection, which is opened first unless it is open. Returns whether it was.
    pub(super) async fn open(&self) -> io::Result<(Stream, bool)> {
        let (connection, is_new) = self.shared().await?;
        let (send, receive) = connection.open_bi().await.map_err(io::Error::from)?;
        Ok((Stream::Quic(send, receive), is_new))
    }

    async fn shared(&self) -> io::Result<(Connection, bool)> {
        let mut open = self.open.lock().await;
        if let Some(Open { connection, .. }) = open.as_ref().filter(|open| open.connection.close_reason().is_none()) {
            return Ok((connection.clone(), false));
        }
        let endpoint = self.endpoint()?;
        let connection = self.connect(&endpoint, &self.full)?.await.map_err(io::Error::from)?;
        *open = Some(Open { _endpoint: endpoint, connection: connection.clone() });
        Ok((connection, true))
    }

    /// Opens a connection of its own by a full handshake. With `resumable`, its session can be resumed.
    pub(super) async fn open_alone(&self, resumable: bool) -> io::Result<Alone> {
        let endpoint = self.endpoint()?;
        let config = if resumable { &self.resuming } else { &self.full };
        let connection = self.connect(&endpoint, config)?.await.map_err(io::Error::from)?;
        Ok(Alone { _endpoint: endpoint, connection })
    }

    /// Begins a connection of its own that resumes an earlier session. Returns it before its handshake, and what says whether the server
    /// has accepted the data that were sent so early; `None` without a session to resume.
    pub(super) fn open_early(&self) -> io::Result<Option<(Alone, quinn::ZeroRttAccepted)>> {
        let endpoint = self.endpoint()?;
        let early = self.connect(&endpoint, &self.resuming)?.into_0rtt().ok();
        Ok(early.map(|(connection, accepted)| (Alone { _endpoint: endpoint, connection }, accepted)))
    }

    /// Binds a socket of its own, so that the handshakes of a connection meet no other.
    fn endpoint(&self) -> io::Result<Endpoint> {
        let own: IpAddr = match self.address.ip() {
            // Not the address of the server itself: netem tells the directions of a path apart by it.
            IpAddr::V4(server) if server.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(server) if server.is_loopback() => Ipv6Addr::LOCALHOST.into(),
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Endpoint::client(SocketAddr::new(own, 0))
    }

    fn connect(&self, endpoint: &Endpoint, config: &ClientConfig) -> io::Result<Connecting> {
        endpoint.connect_with(config.clone(), self.address, &self.name).map_err(io::Error::other)
    }
}

impl Alone {
    /// Opens a stream.
    pub(super) async fn stream(&self) -> io::Result<Stream> {
        let (send, receive) = self.connection.open_bi().await.map_err(io::Error::from)?;
        Ok(Stream::Quic(send, receive))
    }
}

fn close(connection: &Connection) {
    connection.close(VarInt::from_u32(0), b"");
}

fn client(config: rustls::ClientConfig, packets_alone: bool) -> Result<ClientConfig, TlsError> {
    let crypto = QuicClientConfig::try_from(config).map_err(TlsError::Quic)?;
    let mut transport = TransportConfig::default();
    transport.max_concurrent_uni_streams(VarInt::from_u32(0));
    // Slices of another transport may take longer than any timeout.
    transport.max_idle_timeout(None);
    transport.enable_segmentation_offload(!packets_alone);
    let mut client = ClientConfig::new(Arc::new(crypto));
    client.transport_config(Arc::new(transport));
    Ok(client)
}
