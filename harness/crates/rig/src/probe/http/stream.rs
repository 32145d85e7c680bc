//! The connection of a probe: TCP, TLS on it, or a unix socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned};

use super::super::socket;
use crate::target::HttpUrl;
use harness_base::address::Address;
use harness_base::units::Nanos;

/// The timeout of one read, after which the stop flag is checked.
const SLICE: Nanos = Nanos::from_millis(10);

#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Connects within `timeout`. The handshake of TLS follows. A write may take as long as `writing`.
    pub(super) fn open(url: &HttpUrl, timeout: Nanos, writing: Nanos) -> io::Result<Self> {
        let address = match &url.address {
            Address::Inet(address) => address,
            Address::Unix(path) => {
                let socket = socket::unix(path, timeout)?;
                socket.set_read_timeout(Some(SLICE.duration()))?;
                socket.set_write_timeout(Some(writing.duration()))?;
                return Ok(Self::Unix(socket));
            }
        };
        let socket = socket::tcp(address, timeout)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(SLICE.duration()))?;
        socket.set_write_timeout(Some(writing.duration()))?;
        if !url.tls {
            return Ok(Self::Plain(socket));
        }
        let host = url.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let connection = ClientConnection::new(config()?, name).map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, socket))))
    }

    /// Continues the handshake of TLS for the timeout of one read. Returns whether it is complete.
    pub(super) fn is_secure(&mut self) -> io::Result<bool> {
        let Self::Tls(stream) = self else { return Ok(true) };
        if stream.conn.is_handshaking()
            && let Err(error) = stream.conn.complete_io(&mut stream.sock)
            && !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        {
            return Err(error);
        }
        Ok(!stream.conn.is_handshaking())
    }

    /// Returns the connection of TCP, if it is one.
    pub(super) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(socket) => Some(socket),
            Self::Tls(stream) => Some(&stream.sock),
            Self::Unix(_) => None,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(bytes),
            Self::Unix(socket) => socket.read(bytes),
            // The server has closed the connection without the alert `close_notify` (RFC 8446, section 6.1).
            Self::Tls(stream) => match stream.read(bytes) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Unix(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Returns the configuration that all probes share.
fn config() -> io::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let verifier = Arc::new(AnyCertificate(provider));
    let builder = builder.map_err(io::Error::other)?.dangerous().with_custom_certificate_verifier(verifier);
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(builder.with_no_client_auth()))))
}

/// Accepts every certificate, as the probes of Kubernetes do: a probe finds out whether its own target answers, and sends nothing secret.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
