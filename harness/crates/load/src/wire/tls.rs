//! The client's side of TLS.

use std::io;
use std::sync::Arc;

use quinn::crypto::rustls::NoInitialCipherSuite;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName, pem};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore,
    SupportedProtocolVersion,
};
use tokio_rustls::TlsConnector;

use crate::spec::{Tls, TlsVersion};

/// The reason why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate of the authority cannot be read: {0}")]
    Authority(pem::Error),
    #[error("the certificate of the client, or its key, cannot be read: {0}")]
    Client(pem::Error),
    #[error("{name:?} is not the name of a server: {cause}")]
    Name { name: String, cause: InvalidDnsNameError },
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
    #[error("QUIC cannot be spoken: {0}")]
    Quic(NoInitialCipherSuite),
}

/// The name of HTTP/2 in TLS.
const HTTP2: &[u8] = b"h2";

/// The result of a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Negotiated {
    /// The version and the cipher suite, for example `TLS 1.3, AES_256_GCM_SHA384` or `HTTP/2 over TLS 1.3, AES_256_GCM_SHA384`.
    pub(crate) protocol: String,
    /// Whether an earlier session was resumed.
    pub(crate) resumed: bool,
}

/// The reason why a server does not speak HTTP/2 over TLS.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAgreed {
    #[error("the server did not agree to HTTP/2 (ALPN h2); it chose {0:?}")]
    Other(String),
    #[error("the server did not agree to HTTP/2 (ALPN h2); it chose no protocol")]
    Nothing,
    #[error("the server did not agree to HTTP/2 (ALPN h2); it refused the handshake")]
    Refused,
}

impl Negotiated {
    /// Describes HTTP/2 without TLS.
    pub(crate) fn http2() -> Self {
        Self { protocol: "HTTP/2".to_owned(), resumed: false }
    }

    /// Describes HTTP/2 over `tls`.
    pub(crate) fn over(tls: Self) -> Self {
        Self { protocol: format!("HTTP/2 over {}", tls.protocol), ..tls }
    }
}

/// Checks that the server agreed to HTTP/2.
pub(super) fn agreed(connection: &ClientConnection) -> Result<(), NotAgreed> {
    match connection.alpn_protocol() {
        Some(HTTP2) => Ok(()),
        Some(other) => Err(NotAgreed::Other(String::from_utf8_lossy(other).into_owned())),
        None => Err(NotAgreed::Nothing),
    }
}

/// Returns why a handshake failed, if that is the offer of HTTP/2.
pub(super) fn refused(error: &io::Error) -> Option<NotAgreed> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let alert = rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol);
    (*error == alert).then_some(NotAgreed::Refused)
}

/// Prepares connections to a server. Offers HTTP/2 alone, or HTTP/1.1 alone.
pub(super) fn prepare(tls: &Tls, is_http2: bool) -> Result<(TlsConnector, ServerName<'static>), TlsError> {
    let (config, name) = config(tls, if is_http2 { HTTP2 } else { b"http/1.1" })?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// Returns the configuration of connections that offer `protocol` alone, and the name of the server.
pub(crate) fn config(tls: &Tls, protocol: &[u8]) -> Result<(ClientConfig, ServerName<'static>), TlsError> {
    let name = ServerName::try_from(tls.server_name.clone())
        .map_err(|cause| TlsError::Name { name: tls.server_name.clone(), cause })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions(tls.version))?;
    let builder = builder.with_root_certificates(roots(&tls.authority)?);
    let mut config = match &tls.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let chain = certificates(&client.certificate).map_err(TlsError::Client)?;
            let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes()).map_err(TlsError::Client)?;
            builder.with_client_auth_cert(chain, key)?
        }
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    if !tls.resumption {
        config.resumption = Resumption::disabled();
    }
    Ok((config, name))
}

fn versions(version: Option<TlsVersion>) -> &'static [&'static SupportedProtocolVersion] {
    const TLS_1_2: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
    const TLS_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
    match version {
        None => rustls::ALL_VERSIONS,
        Some(TlsVersion::Tls12) => TLS_1_2,
        Some(TlsVersion::Tls13) => TLS_1_3,
    }
}

fn roots(authority: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authority).map_err(TlsError::Authority)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

/// Reads at least one certificate.
fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>()?;
    if all.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(all) }
}

/// Returns what a handshake has agreed on.
pub(super) fn negotiated(connection: &ClientConnection) -> Negotiated {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let suite = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
    let suite = suite.as_deref().unwrap_or("no cipher suite").trim_start_matches("TLS13_").trim_start_matches("TLS_");
    Negotiated { protocol: format!("{version}, {suite}"), resumed: is_resumed(connection) }
}

/// Returns the bytes that end a connection in order.
pub(super) fn end(connection: &mut ClientConnection) -> Vec<u8> {
    connection.send_close_notify();
    let mut bytes = Vec::new();
    // Writing into memory cannot fail.
    let _length = connection.write_tls(&mut bytes);
    bytes
}

/// Returns whether the handshake resumed an earlier session.
pub(super) fn is_resumed(connection: &ClientConnection) -> bool {
    matches!(connection.handshake_kind(), Some(HandshakeKind::Resumed))
}
