use std::path::PathBuf;

use rustls::pki_types::pem;

/// The reason why TLS could not be set up from the files that the flags name.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read, or has no such block.
    #[error("cannot read {what} from {file} ({flag}): {cause}; pass a readable PEM file that contains {what}")]
    File { what: &'static str, flag: &'static str, file: PathBuf, cause: pem::Error },
    /// The key does not belong to the certificate, or one of them is of an unknown kind.
    #[error(
        "cannot use the certificate {cert} (--tls-cert) with the key {key} (--tls-key): {cause}; pass a certificate and the key that it was made with"
    )]
    Pair { cert: PathBuf, key: PathBuf, cause: rustls::Error },
    /// The certificate is not one that can be trusted as a CA.
    #[error("cannot trust the certificates in {file} ({flag}): {cause}; pass the certificate of a CA")]
    Authority { flag: &'static str, file: PathBuf, cause: Box<dyn std::error::Error + Send + Sync> },
    /// An upstream with TLS needs a CA.
    #[error("the upstream {0} needs --upstream-ca; pass the PEM file of the CA that signed its certificate")]
    NoAuthority(String),
    /// An upstream without TLS needs no CA.
    #[error("--upstream-ca does not apply to the upstream {upstream}; write {with_tls}, or leave out --upstream-ca")]
    NeedlessAuthority { upstream: String, with_tls: String },
    /// The versions of TLS are not in this build.
    #[error("cannot set up TLS 1.2 and 1.3: {0}; build the program with the rustls feature `tls12`")]
    Versions(rustls::Error),
}
