//! The documents of an image, as far as they are read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::super::Error;
use super::super::build::digest;
use super::super::store::Store;

/// Names the base image, as an annotation or a label.
pub(super) const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// Tells that a manifest is about another one: provenance, a list of contents.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    /// Its digest, which is also its name.
    pub(super) digest: String,
    pub(super) size: u64,
    pub(super) platform: Option<Platform>,
    /// What else is said about it.
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
    /// The configuration of an image.
    pub(super) config: Option<Descriptor>,
    /// The layers of an image.
    #[serde(default)]
    pub(super) layers: Vec<Descriptor>,
    /// What else is said about it.
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
    /// Whether it is about an image instead of one.
    pub(super) fn is_attestation(&self) -> bool {
        let unknown = |platform: &Platform| platform.os == "unknown" || platform.architecture == "unknown";
        self.annotation(REFERENCE_TYPE).is_some() || self.platform.as_ref().is_some_and(unknown)
    }

    /// What is said about it under this key.
    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// The name of its part in `store`.
    ///
    /// # Errors
    /// [`Error::Blob`] where the digest is none that is understood.
    pub(super) fn name(&self, store: &Store) -> Result<String, Error> {
        let hex = self.digest.strip_prefix("sha256:").filter(|hex| is_hex(hex));
        let complaint = || store.blob(&self.digest, "has a digest that is not SHA-256".to_owned());
        hex.map(|hex| format!("blobs/sha256/{hex}")).ok_or_else(complaint)
    }

    /// Reads the document it points at, checked against length and digest.
    ///
    /// # Errors
    /// [`Error::Blob`].
    pub(super) fn read<T: DeserializeOwned>(&self, store: &Store) -> Result<T, Error> {
        let name = self.name(store)?;
        let content = store.document(&name)?;
        checked(store, &name, &content, &self.digest)?;
        if content.len() as u64 != self.size {
            return Err(store.blob(&name, format!("has {} bytes instead of {}", content.len(), self.size)));
        }
        parsed(store, &name, &content)
    }
}

impl Platform {
    /// `os/architecture` or `os/architecture/variant`.
    pub(super) fn name(&self) -> String {
        let variant = self.variant.as_ref().filter(|variant| !variant.is_empty());
        let variant = variant.map_or_else(String::new, |variant| format!("/{variant}"));
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

impl Config {
    /// The platform it is for.
    pub(super) fn platform(&self) -> String {
        let Self { os, architecture, variant, .. } = self.clone();
        Platform { os, architecture, variant }.name()
    }

    /// A label of the image.
    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.config.as_ref()?.labels.as_ref()?.get(key).map(String::as_str)
    }

    /// Digests of the unpacked layers, in order.
    pub(super) fn diff_ids(&self) -> &[String] {
        self.rootfs.as_ref().map_or(&[], |rootfs| &rootfs.diff_ids)
    }
}

/// Whether this is a SHA-256 in hexadecimal.
pub(super) fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Holds a document against its digest.
///
/// # Errors
/// [`Error::Blob`].
pub(super) fn checked(store: &Store, name: &str, content: &[u8], known: &str) -> Result<(), Error> {
    let mut hash = Sha256::new();
    hash.update(content);
    let is = digest(hash);
    let message = || store.blob(name, format!("is not what it should be: {is} instead of {known}"));
    if is == known { Ok(()) } else { Err(message()) }
}

/// Reads JSON.
///
/// # Errors
/// [`Error::Blob`] saying where it is wrong.
pub(super) fn parsed<T: DeserializeOwned>(store: &Store, name: &str, content: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(content).map_err(|error| store.blob(name, format!("is not as an image has it: {error}")))
}
