//! Certificates and keys as PEM files that are removed with their CA.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// A CA whose directory contains its certificate and all that it signed.
pub struct Ca {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    signed: AtomicU32,
}

/// A certificate and its key.
pub struct Identity {
    pub cert: String,
    pub key: String,
}

impl Ca {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ca-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        // OpenSSL looks for an issuer by its name.
        let mut params = named(&[], &format!("CA {number} of the tests"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        std::fs::write(directory.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { directory, issuer: Issuer::new(params, key), signed: AtomicU32::new(0) }
    }

    /// Returns the file with the certificate of this CA.
    pub fn file(&self) -> String {
        self.directory.join("ca.pem").display().to_string()
    }

    /// Returns a file of this name beside the certificates.
    pub fn beside(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// Signs a certificate for these names and addresses.
    pub fn sign(&self, names: &[&str]) -> Identity {
        let number = self.signed.fetch_add(1, Ordering::Relaxed);
        let key = KeyPair::generate().unwrap();
        let cert = named(names, "a program of the tests").signed_by(&key, &self.issuer).unwrap();
        let write = |name: &str, text: String| {
            let file = self.beside(&format!("{number}-{name}.pem"));
            std::fs::write(&file, text).unwrap();
            file
        };
        Identity { cert: write("cert", cert.pem()), key: write("key", key.serialize_pem()) }
    }
}

impl Drop for Ca {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Identity {
    /// Returns the flags of a listener with this certificate.
    pub fn flags(&self) -> [&str; 4] {
        ["--tls-cert", &self.cert, "--tls-key", &self.key]
    }
}

fn named(names: &[&str], common: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, common);
    params
}
