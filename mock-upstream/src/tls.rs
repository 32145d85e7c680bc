//! TLS of both programs: their flags, the files that these name, and handshakes that end after a bounded time.
//!
//! Certificates are verified by rustls with the provider aws-lc-rs. Both sides offer TLS 1.2 and 1.3. A listener
//! offers HTTP/2 and HTTP/1.1 (ALPN), and a client the one that it speaks.

mod error;
mod files;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

pub use self::error::TlsError;

/// A handshake has this long. A connection that does not get through it in time is closed.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The protocols as ALPN names them.
pub(crate) const HTTP1: &[u8] = b"http/1.1";
pub(crate) const HTTP2: &[u8] = b"h2";

/// Selects TLS at a listener.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ListenerFlags {
    /// Speak TLS at --listen, with the certificate chain in this PEM file
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of --tls-cert, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Accept only clients with a certificate that a CA in this PEM file has signed (mutual TLS)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub client_ca: Option<PathBuf>,
}

impl ListenerFlags {
    /// Reads the files. Returns `None` for a listener without TLS.
    ///
    /// # Errors
    /// Returns an error when a file cannot be read, or the files do not fit together.
    pub(crate) fn acceptor(&self) -> Result<Option<Acceptor>, TlsError> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Acceptor::new(cert, key, self.client_ca.as_deref()).map(Some),
            _ => Ok(None),
        }
    }
}

/// The side of a listener.
#[derive(Debug, Clone)]
pub(crate) struct Acceptor(Arc<ServerConfig>);

impl Acceptor {
    /// Reads the files of `--tls-cert` and `--tls-key`; with `client_ca`, only clients with a certificate of that CA are accepted.
    ///
    /// # Errors
    /// Returns an error when a file cannot be read, or the files do not fit together.
    pub(crate) fn new(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, TlsError> {
        let chain = files::certificates("--tls-cert", cert)?;
        let private = files::key("--tls-key", key)?;
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(TlsError::Versions)?;
        let builder = match client_ca {
            Some(file) => builder.with_client_cert_verifier(client_verifier(file, provider)?),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, private).map_err(|cause| TlsError::Pair {
            cert: cert.to_owned(),
            key: key.to_owned(),
            cause,
        })?;
        config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// Returns the same for `protocol` instead of HTTP.
    #[must_use]
    pub(crate) fn speaking(&self, protocol: &[u8]) -> Self {
        let mut config = ServerConfig::clone(&self.0);
        config.alpn_protocols = vec![protocol.to_vec()];
        Self(Arc::new(config))
    }

    /// Returns its configuration for QUIC. With `early`, data are accepted before the end of a resumed handshake.
    pub(crate) fn for_quic(&self, early: bool) -> ServerConfig {
        let mut config = ServerConfig::clone(&self.0);
        // QUIC has no other limits than all and nothing.
        config.max_early_data_size = if early { u32::MAX } else { 0 };
        config
    }

    /// Accepts TLS on `stream`.
    ///
    /// # Errors
    /// Returns an error when the client fails the handshake or takes too long.
    pub(crate) async fn accept<I>(&self, stream: I) -> io::Result<server::TlsStream<I>>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        bounded(HANDSHAKE, TlsAcceptor::from(Arc::clone(&self.0)).accept(stream)).await
    }
}

/// Returns a verifier that requires a certificate signed by a CA in `file`.
fn client_verifier(file: &Path, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let flag = "--client-ca";
    let roots = files::authorities(flag, file)?;
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|cause| TlsError::Authority { flag, file: file.to_owned(), cause: cause.into() })
}

/// The side of a client, which verifies that the server is `name`.
#[derive(Debug)]
pub(crate) struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Connector {
    /// Trusts the CAs in the PEM file `ca`, which `flag` named, and offers `protocol`.
    ///
    /// # Errors
    /// Returns an error when the file cannot be read or contains no usable CA.
    pub(crate) fn new(
        flag: &'static str,
        ca: &Path,
        name: ServerName<'static>,
        protocol: &[u8],
    ) -> Result<Self, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(TlsError::Versions)?;
        let roots = files::authorities(flag, ca)?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(Self { config: Arc::new(config), name })
    }

    /// Starts TLS on `stream`.
    ///
    /// # Errors
    /// Returns an error when the server is not trusted, fails the handshake, or takes too long.
    pub(crate) async fn connect<I>(&self, stream: I) -> io::Result<client::TlsStream<I>>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        bounded(HANDSHAKE, connector.connect(self.name.clone(), stream)).await
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Ends a handshake with an error after `limit`.
async fn bounded<S>(limit: Duration, handshake: impl Future<Output = io::Result<S>>) -> io::Result<S> {
    let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, format!("the TLS handshake took more than {limit:?}")));
    tokio::time::timeout(limit, handshake).await.unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_handshake_ends_after_its_limit() {
        let (limit, silent) = (Duration::from_millis(5), std::future::pending::<io::Result<()>>());
        let error = bounded(limit, silent).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (io::ErrorKind::TimedOut, "the TLS handshake took more than 5ms")
        );
    }
}
