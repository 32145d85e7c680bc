//! A client with TLS: rustls, set up without the code of the programs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mock_upstream::upstream::LedgerReport;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificates::{Ca, Identity};
use crate::client::Client;

pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// The certificates that a client trusts and presents, and the protocols that it offers.
#[derive(Clone, Copy)]
pub struct Guest<'a> {
    pub trusts: &'a Ca,
    pub presents: Option<&'a Identity>,
    pub version: &'static SupportedProtocolVersion,
    /// The only protocol that it offers (ALPN).
    pub protocol: &'static [u8],
}

impl<'a> Guest<'a> {
    pub fn of(trusts: &'a Ca) -> Self {
        Self { trusts, presents: None, version: &TLS13, protocol: b"http/1.1" }
    }

    fn config(self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.trusts.file()).unwrap()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[self.version]).unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match self.presents {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let cert = CertificateDer::from_pem_file(&own.cert).unwrap();
                let key = PrivateKeyDer::from_pem_file(&own.key).unwrap();
                builder.with_client_auth_cert(vec![cert], key).unwrap()
            }
        };
        config.alpn_protocols = vec![self.protocol.to_vec()];
        config
    }

    /// Connects and makes the handshake.
    pub async fn stream(self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(address.ip());
        TlsConnector::from(Arc::new(self.config())).connect(name, stream).await
    }

    pub async fn client(self, address: SocketAddr) -> Client {
        Client::over(self.stream(address).await.unwrap()).await
    }

    /// Returns the ledger of an upstream with TLS.
    pub async fn ledger(self, address: SocketAddr) -> LedgerReport {
        let answer = self.client(address).await.get("/__upstream/ledger").await;
        serde_json::from_slice(&answer.body).unwrap()
    }
}
