//! The secrets of a fleet, each one line of text: the hub's, and the nodes'. With theirs, nodes recognise the hub's certificate, and prove
//! that they belong to the fleet.

use std::fmt;
use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The variable with the nodes' secret.
pub const NODE_VARIABLE: &str = "HARNESS_FLEET_SECRET";
/// The variable with the path of a file that contains the nodes' secret.
pub const NODE_FILE_VARIABLE: &str = "HARNESS_FLEET_SECRET_FILE";
/// The variable with the hub's secret.
pub const HUB_VARIABLE: &str = "HARNESS_FLEET_HUB_SECRET";

const HUB: &str = "hub-";
const NODE: &str = "node-";

/// The length of a token and of a fingerprint in bytes.
const LENGTH: usize = 32;

/// The reason why a text is not a secret, or none could be made. It never contains the text.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the secret of the hub begins with `hub-`; take the line for the hub of: harness fleet secret")]
    NotHub,
    #[error("the secret of a node begins with `node-`; take the line for the nodes of: harness fleet secret")]
    NotNode,
    #[error("the secret was cut off or changed; copy the whole line of: harness fleet secret")]
    Damaged,
    #[error("the certificate of the hub cannot be made")]
    Certificate(#[from] rcgen::Error),
}

/// What a node proves that it belongs to the fleet with.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Token([u8; LENGTH]);

impl Token {
    /// Compares two tokens in a time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        let differ = self.0.iter().zip(&other.0).fold(0, |differ, (one, two)| black_box(differ | (one ^ two)));
        black_box(differ) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(..)")
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        URL_SAFE_NO_PAD.encode(token.0)
    }
}

impl TryFrom<String> for Token {
    type Error = SecretError;

    fn try_from(text: String) -> Result<Self, SecretError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SecretError::Damaged)?;
        bytes.try_into().map(Self).map_err(|_| SecretError::Damaged)
    }
}

/// The hub's secret: its certificate with the private key, and the token of the fleet.
#[derive(Clone)]
pub struct HubSecret {
    token: Token,
    /// DER.
    certificate: Vec<u8>,
    /// PKCS #8, DER.
    key: Vec<u8>,
}

/// The nodes' secret: the SHA-256 of the hub's certificate, and the token of the fleet.
#[derive(Clone)]
pub struct NodeSecret {
    token: Token,
    fingerprint: [u8; LENGTH],
}

impl HubSecret {
    /// Makes a new one.
    ///
    /// # Errors
    /// Returns an error when the cryptographic library fails.
    pub fn generate() -> Result<Self, SecretError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["harness-hub".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "harness hub");
        let certificate = params.self_signed(&key)?;
        Ok(Self { token: Token(rand::random()), certificate: certificate.der().to_vec(), key: key.serialize_der() })
    }

    /// Reads its text.
    ///
    /// # Errors
    /// Returns an error when the text is another secret, or none.
    pub fn read(text: &str) -> Result<Self, SecretError> {
        let bytes = decode(text.trim().strip_prefix(HUB).ok_or(SecretError::NotHub)?)?;
        let (token, rest) = split(&bytes)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(SecretError::Damaged)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (certificate, key) = rest.split_at_checked(length).ok_or(SecretError::Damaged)?;
        if certificate.is_empty() || key.is_empty() {
            return Err(SecretError::Damaged);
        }
        Ok(Self { token: Token(token), certificate: certificate.to_vec(), key: key.to_vec() })
    }

    /// Returns it as text, for the hub alone.
    pub fn text(&self) -> String {
        // A certificate with one short name has some 400 bytes.
        let length = u16::try_from(self.certificate.len()).unwrap_or(u16::MAX).to_be_bytes();
        let bytes = [&self.token.0[..], &length[..], &self.certificate[..], &self.key[..]].concat();
        format!("{HUB}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Returns the secret of the nodes that join this hub.
    pub fn node(&self) -> NodeSecret {
        NodeSecret { token: self.token, fingerprint: fingerprint(&self.certificate) }
    }

    pub(crate) const fn token(&self) -> Token {
        self.token
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.certificate.clone())
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.clone()))
    }
}

impl NodeSecret {
    /// Reads its text.
    ///
    /// # Errors
    /// Returns an error when the text is another secret, or none.
    pub fn read(text: &str) -> Result<Self, SecretError> {
        let bytes = decode(text.trim().strip_prefix(NODE).ok_or(SecretError::NotNode)?)?;
        let (token, rest) = split(&bytes)?;
        let fingerprint = rest.try_into().map_err(|_| SecretError::Damaged)?;
        Ok(Self { token: Token(token), fingerprint })
    }

    /// Returns it as text, for the nodes alone.
    pub fn text(&self) -> String {
        format!("{NODE}{}", URL_SAFE_NO_PAD.encode([self.token.0, self.fingerprint].concat()))
    }

    pub const fn token(&self) -> Token {
        self.token
    }

    /// Returns whether this is the certificate of the hub.
    pub(crate) fn is_of_hub(&self, certificate: &[u8]) -> bool {
        fingerprint(certificate) == self.fingerprint
    }
}

impl fmt::Debug for HubSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("HubSecret(..)")
    }
}

impl fmt::Debug for NodeSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("NodeSecret(..)")
    }
}

fn fingerprint(certificate: &[u8]) -> [u8; LENGTH] {
    Sha256::digest(certificate).into()
}

fn decode(text: &str) -> Result<Vec<u8>, SecretError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| SecretError::Damaged)
}

/// Splits the token off.
fn split(bytes: &[u8]) -> Result<([u8; LENGTH], &[u8]), SecretError> {
    let (token, rest) = bytes.split_first_chunk::<LENGTH>().ok_or(SecretError::Damaged)?;
    Ok((*token, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_is_written_and_never_shown() {
        let hub = HubSecret::generate().unwrap();
        let again = HubSecret::read(&format!("{}\n", hub.text())).unwrap();
        assert_eq!(again.text(), hub.text());
        let node = NodeSecret::read(&hub.node().text()).unwrap();
        assert_eq!(node.text(), again.node().text());
        assert!(node.token().matches(&hub.token()) && node.is_of_hub(&hub.certificate()));
        assert!(hub.text().is_ascii() && !hub.text().contains(char::is_whitespace));
        let other = HubSecret::generate().unwrap();
        assert!(!other.token().matches(&hub.token()) && !node.is_of_hub(&other.certificate()));
        assert_eq!(format!("{hub:?} {node:?} {:?}", hub.token()), "HubSecret(..) NodeSecret(..) Token(..)");
    }

    #[test]
    fn a_wrong_text_is_refused_without_showing_it() {
        let hub = HubSecret::generate().unwrap();
        assert!(matches!(HubSecret::read(&hub.node().text()), Err(SecretError::NotHub)));
        assert!(matches!(NodeSecret::read(&hub.text()), Err(SecretError::NotNode)));
        for text in ["hub-", "hub-AAAA", "hub-%%%", &hub.text()[..60]] {
            let error = HubSecret::read(text).unwrap_err();
            assert!(matches!(error, SecretError::Damaged), "{text}");
        }
        let long = format!("{}AAAA", hub.node().text());
        for text in ["node-", "node-AAAA", long.as_str()] {
            assert!(matches!(NodeSecret::read(text), Err(SecretError::Damaged)), "{text}");
        }
    }
}
