//! TLS 1.3 between hub and nodes. The hub has a certificate of its own making, which nodes recognise by its SHA-256.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector, client};

use super::secret::{HubSecret, NodeSecret};

/// The reason why a hub could not be spoken with.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server has another certificate, or not its key.
    #[error("the server has another certificate than that of the hub")]
    Certificate,
    #[error("the connection failed")]
    Io(#[source] io::Error),
}

/// Prepares the hub's side.
///
/// # Errors
/// Returns an error when certificate and key do not fit together.
pub fn acceptor(secret: &HubSecret) -> Result<TlsAcceptor, Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?;
    let mut config = builder.with_no_client_auth().with_single_cert(vec![secret.certificate()], secret.key())?;
    // A node joins once, so there is nothing to resume.
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Prepares a node's side.
///
/// # Errors
/// Returns an error when the cryptographic library lacks TLS 1.3.
pub fn connector(secret: &NodeSecret) -> Result<TlsConnector, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Pinned { secret: secret.clone(), provider: Arc::clone(&provider) });
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13])?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Speaks TLS with the hub on `stream`.
///
/// # Errors
/// Returns an error when the handshake fails.
pub async fn connect<S>(connector: &TlsConnector, stream: S) -> Result<client::TlsStream<S>, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // The certificate counts, not the name.
    let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    connector.connect(name, stream).await.map_err(|error| {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
        if matches!(cause, Some(Error::InvalidCertificate(_))) {
            ConnectError::Certificate
        } else {
            ConnectError::Io(error)
        }
    })
}

/// Accepts exactly the certificate of the hub.
#[derive(Debug)]
struct Pinned {
    secret: NodeSecret,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.secret.is_of_hub(end_entity) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Returns what a node with `secret` reads from a hub of `hub`, which writes 7.
    async fn handshake(hub: &HubSecret, secret: &NodeSecret) -> Result<u8, ConnectError> {
        let (near, far) = duplex(1 << 16);
        let acceptor = acceptor(hub).unwrap();
        tokio::spawn(async move {
            let mut stream = acceptor.accept(far).await?;
            stream.write_u8(7).await?;
            stream.flush().await?;
            // Waits until the node has closed the connection.
            stream.read_u8().await
        });
        let mut stream = connect(&connector(secret).unwrap(), near).await?;
        stream.read_u8().await.map_err(ConnectError::Io)
    }

    #[tokio::test]
    async fn only_the_certificate_of_the_secret_is_accepted() {
        let (hub, other) = (HubSecret::generate().unwrap(), HubSecret::generate().unwrap());
        let again = HubSecret::read(&hub.text()).unwrap();
        assert_eq!(handshake(&again, &hub.node()).await.unwrap(), 7);
        let refused = handshake(&hub, &other.node()).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Certificate), "{refused:?}");
    }
}
