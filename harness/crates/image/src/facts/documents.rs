//! The documents of an image, with the fields that are used.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::super::digest::digest;
use super::super::error::{BadBlob, Error};
use super::super::store::Store;

/// The annotation or label with the name of the base image.
pub(super) const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// The annotation of a manifest that describes another one, such as provenance or a list of contents.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    /// The digest, which is also the name.
    pub(super) digest: String,
    pub(super) size: u64,
    pub(super) platform: Option<Platform>,
    #[serde(default)]
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// An index or a manifest.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Document {
    pub(super) manifests: Option<Vec<Descriptor>>,
    pub(super) config: Option<Descriptor>,
    #[serde(default)]
    pub(super) layers: Vec<Descriptor>,
    #[serde(default)]
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

/// The configuration of an image.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    os: String,
    architecture: String,
    variant: Option<String>,
    config: Option<Settings>,
    rootfs: Option<RootFs>,
}

#[derive(Debug, Clone, Deserialize)]
struct Settings {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

impl Descriptor {
    /// Returns whether it describes an image instead of being one.
    pub(super) fn is_attestation(&self) -> bool {
        let unknown = |platform: &Platform| platform.os == "unknown" || platform.architecture == "unknown";
        self.annotation(REFERENCE_TYPE).is_some() || self.platform.as_ref().is_some_and(unknown)
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// Returns the name of its part in `store`.
    ///
    /// # Errors
    /// Returns [`Error::Blob`] when the digest is not SHA-256.
    pub(super) fn name(&self, store: &Store) -> Result<String, Error> {
        let hex = self.digest.strip_prefix("sha256:").filter(|hex| is_hex(hex));
        hex.map(|hex| format!("blobs/sha256/{hex}")).ok_or_else(|| store.blob(&self.digest, BadBlob::DigestAlgorithm))
    }

    /// Reads the document, and checks its length and digest.
    ///
    /// # Errors
    /// Returns [`Error::Blob`].
    pub(super) fn read<T: DeserializeOwned>(&self, store: &Store) -> Result<T, Error> {
        let name = self.name(store)?;
        let content = store.document(&name)?;
        checked(store, &name, &content, &self.digest)?;
        let found = content.len() as u64;
        if found != self.size {
            return Err(store.blob(&name, BadBlob::Size { found, expected: self.size }));
        }
        parsed(store, &name, &content)
    }
}

impl Platform {
    /// Returns `os/architecture` or `os/architecture/variant`.
    pub(super) fn name(&self) -> String {
        let variant = self.variant.as_ref().filter(|variant| !variant.is_empty());
        let variant = variant.map_or_else(String::new, |variant| format!("/{variant}"));
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

impl Config {
    pub(super) fn platform(&self) -> String {
        let Self { os, architecture, variant, .. } = self.clone();
        Platform { os, architecture, variant }.name()
    }

    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.config.as_ref()?.labels.as_ref()?.get(key).map(String::as_str)
    }

    /// Returns the digests of the uncompressed layers, in order.
    pub(super) fn diff_ids(&self) -> &[String] {
        self.rootfs.as_ref().map_or(&[], |rootfs| &rootfs.diff_ids)
    }
}

/// Returns whether the text is a SHA-256 digest in hexadecimal.
pub(super) fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Checks a document against its digest.
///
/// # Errors
/// Returns [`Error::Blob`] when it differs.
pub(super) fn checked(store: &Store, name: &str, content: &[u8], known: &str) -> Result<(), Error> {
    let mut hash = Sha256::new();
    hash.update(content);
    let found = digest(hash);
    if found == known {
        return Ok(());
    }
    Err(store.blob(name, BadBlob::Digest { found, expected: known.to_owned() }))
}

/// Parses a JSON document.
///
/// # Errors
/// Returns [`Error::Blob`] with the position of the mistake.
pub(super) fn parsed<T: DeserializeOwned>(store: &Store, name: &str, content: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(content).map_err(|error| store.blob(name, BadBlob::Json(error)))
}
