//! The certificates of a run: an authority of its own, and one certificate that it signed for all servers and clients on this host.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// The names that the certificate has. A target at another address is reached under the first of them.
pub const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The certificates of a run, which are made when they are first needed.
#[derive(Debug)]
pub struct Certificates {
    folder: PathBuf,
    names: Vec<String>,
    made: OnceLock<Made>,
    /// Held while they are made, so that the files belong together.
    making: Mutex<()>,
}

/// The certificates as PEM.
#[derive(Debug, Clone)]
pub struct Made {
    pub authority: String,
    pub certificate: String,
    /// The private key of the certificate. It is of use in this run only.
    pub key: String,
}

/// A file with one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateFile {
    Authority,
    Certificate,
    Key,
}

impl CertificateFile {
    pub const ALL: [Self; 3] = [Self::Authority, Self::Certificate, Self::Key];

    /// Returns the name of its placeholder.
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::Authority => "ca.file",
            Self::Certificate => "cert.file",
            Self::Key => "key.file",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Authority => "ca.pem",
            Self::Certificate => "cert.pem",
            // HAProxy looks for a key that is not in the file of the certificate under this name.
            Self::Key => "cert.pem.key",
        }
    }

    /// Returns the permissions of the file. A target may run as another user, and must trust the authority.
    const fn mode(self) -> u32 {
        match self {
            Self::Authority | Self::Certificate => 0o644,
            Self::Key => 0o600,
        }
    }

    fn text(self, made: &Made) -> &str {
        match self {
            Self::Authority => &made.authority,
            Self::Certificate => &made.certificate,
            Self::Key => &made.key,
        }
    }
}

impl Certificates {
    /// Prepares the certificates of a run, whose files will be in `folder`. The certificate has `more` names besides [`NAMES`].
    pub fn new(folder: &Path, more: impl IntoIterator<Item = String>) -> Self {
        let names = NAMES.into_iter().map(ToOwned::to_owned).chain(more).collect();
        Self { folder: folder.to_owned(), names, made: OnceLock::new(), making: Mutex::new(()) }
    }

    /// Returns the certificates.
    ///
    /// # Errors
    /// Returns an error when they cannot be made or written.
    pub fn made(&self) -> io::Result<&Made> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let made = make(&self.names).map_err(io::Error::other)?;
        fs::DirBuilder::new().recursive(true).mode(0o755).create(&self.folder)?;
        for file in CertificateFile::ALL {
            write(&self.folder.join(file.name()), file.mode(), file.text(&made))?;
        }
        Ok(self.made.get_or_init(|| made))
    }

    /// Returns the path of a file, and writes it if that was not done before.
    ///
    /// # Errors
    /// Returns an error when the certificates cannot be made or written.
    pub fn file(&self, file: CertificateFile) -> io::Result<PathBuf> {
        self.made()?;
        Ok(self.folder.join(file.name()))
    }
}

fn write(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?.write_all(text.as_bytes())
}

fn make(names: &[String]) -> Result<Made, rcgen::Error> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "harness run authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let issued = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name.push(DnType::CommonName, NAMES[0]);
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    leaf.use_authority_key_identifier_extension = true;
    let certificate = leaf.signed_by(&key, &issuer)?;
    Ok(Made { authority: issued.pem(), certificate: certificate.pem(), key: key.serialize_pem() })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn openssl_verifies_what_was_made() {
        let folder = std::env::temp_dir().join(format!("harness-certificates-{}", std::process::id()));
        let certificates = Certificates::new(&folder, ["proxy.test".to_owned()]);
        let [authority, certificate, key] = CertificateFile::ALL.map(|file| certificates.file(file).unwrap());
        let says = |arguments: &[&str]| {
            let output = Command::new("openssl").args(arguments).output().unwrap();
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
        };
        let (authority, certificate, key) =
            (authority.to_str().unwrap(), certificate.to_str().unwrap(), key.to_str().unwrap());
        for name in ["localhost", "proxy.test"] {
            let verdict =
                says(&["verify", "-x509_strict", "-CAfile", authority, "-verify_hostname", name, certificate]);
            assert!(verdict.contains(": OK"), "{name}: {verdict}");
        }
        for purpose in ["sslserver", "sslclient"] {
            let verdict =
                says(&["verify", "-CAfile", authority, "-verify_ip", "127.0.0.1", "-purpose", purpose, certificate]);
            assert!(verdict.contains(": OK"), "{purpose}: {verdict}");
        }
        let wrong = says(&["verify", "-CAfile", authority, "-verify_hostname", "other.test", certificate]);
        assert!(!wrong.contains(": OK"), "{wrong}");
        let public = |arguments: &[&str]| says(arguments);
        assert_eq!(
            public(&["pkey", "-in", key, "-pubout"]),
            public(&["x509", "-in", certificate, "-noout", "-pubkey"])
        );
        fs::remove_dir_all(&folder).unwrap();
    }
}
