//! PEM files with certificates and keys.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::TlsError;

/// Reads the certificates in `file`, of which there is at least one.
pub(crate) fn certificates(flag: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = || -> Result<Vec<_>, pem::Error> {
        let chain: Vec<_> = CertificateDer::pem_file_iter(file)?.collect::<Result<_, _>>()?;
        if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) }
    };
    read().map_err(|cause| TlsError::File { what: "a certificate", flag, file: file.to_owned(), cause })
}

/// Reads the first private key in `file`.
pub(crate) fn key(flag: &'static str, file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let unread = |cause| TlsError::File { what: "a private key", flag, file: file.to_owned(), cause };
    PrivateKeyDer::from_pem_file(file).map_err(unread)
}

/// Reads the certificates in `file` as CAs that are trusted.
pub(crate) fn authorities(flag: &'static str, file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(flag, file)? {
        roots.add(certificate).map_err(|cause| TlsError::Authority {
            flag,
            file: file.to_owned(),
            cause: cause.into(),
        })?;
    }
    Ok(roots)
}
