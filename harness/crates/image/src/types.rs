//! Facts about a container image: its download size, layers, base and platforms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The key of [`ImageFacts::absent`] for the size.
pub const COMPRESSED: &str = "compressed_bytes";
/// The key of [`ImageFacts::absent`] for the number of layers.
pub const LAYERS: &str = "layers";
/// The key of [`ImageFacts::absent`] for the platforms.
pub const PLATFORMS: &str = "platforms";
/// The key of [`ImageFacts::absent`] for amd64 and arm64 together.
pub const MULTI_ARCH: &str = "multi_arch";

/// How a number was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Read from the image: a registry would send exactly these bytes.
    Exact,
    /// Uncompressed layers were compressed with gzip to estimate what a registry would send.
    Estimated,
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Count {
    pub bytes: u64,
    pub method: Method,
}

/// The base of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Base {
    Scratch,
    Distroless,
    Named(String),
    #[default]
    Unknown,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImageFacts {
    /// The download size for one platform: configuration and compressed layers, as in a registry's manifest.
    pub compressed_bytes: Option<Count>,
    /// The platform of size, layers and base, for example `linux/amd64`.
    pub platform: Option<String>,
    /// The number of layers in the manifest, without steps of the history that created none.
    pub layers: Option<u64>,
    pub base: Base,
    pub evidence: String,
    /// The platforms of the image, as `os/architecture` or `os/architecture/variant`.
    pub platforms: Option<Vec<String>>,
    /// Whether the image supports both linux/amd64 and linux/arm64.
    pub multi_arch: Option<bool>,
    /// Why a field above is absent, by field name.
    pub absent: BTreeMap<String, String>,
}

impl Base {
    /// Returns a word or a name for the base.
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
    /// Returns why `field` is absent.
    pub fn why(&self, field: &str) -> String {
        self.absent.get(field).cloned().unwrap_or_else(|| "the image does not say".to_owned())
    }
}
