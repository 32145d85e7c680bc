//! What is known of a container image: what a pull downloads, its layers, its base and its platforms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Key of [`ImageFacts::absent`] for the size.
pub const COMPRESSED: &str = "compressed_bytes";
/// Key of [`ImageFacts::absent`] for the number of layers.
pub const LAYERS: &str = "layers";
/// Key of [`ImageFacts::absent`] for the platforms.
pub const PLATFORMS: &str = "platforms";
/// Key of [`ImageFacts::absent`] for amd64 and arm64 together.
pub const MULTI_ARCH: &str = "multi_arch";

/// How a number came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Read: a registry would send exactly these bytes.
    Exact,
    /// Layers that are stored as they are were compressed with gzip to count what a registry would send.
    Estimated,
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// The bytes.
    pub bytes: u64,
    pub method: Method,
}

/// What an image stands on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    Scratch,
    Distroless,
    Named(String),
    /// It could not be found out.
    #[default]
    Unknown,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFacts {
    /// What a pull downloads for one platform: configuration and compressed layers, as a registry's manifest adds them up.
    pub compressed_bytes: Option<Count>,
    /// The platform that size, layers and base are those of, for example `linux/amd64`.
    pub platform: Option<String>,
    /// Layers in the manifest; steps of its history that made none do not count.
    pub layers: Option<u64>,
    pub base: Base,
    pub evidence: String,
    /// Platforms it is there for, as `os/architecture` or `os/architecture/variant`.
    pub platforms: Option<Vec<String>>,
    /// It is there for linux/amd64 and for linux/arm64.
    pub multi_arch: Option<bool>,
    /// Why a field above is absent, by its name.
    pub absent: BTreeMap<String, String>,
}

impl Base {
    /// In a word or a name.
    pub fn label(&self) -> &str {
        match self {
            Self::Scratch => "scratch",
            Self::Distroless => "distroless",
            Self::Named(name) => name,
            Self::Unknown => "unknown",
        }
    }
}

impl ImageFacts {
    /// Why `field` is absent.
    pub fn why(&self, field: &str) -> String {
        self.absent.get(field).cloned().unwrap_or_else(|| "the image does not tell".to_owned())
    }
}
