//! Collects the facts of one platform from the parts of an image.

use std::collections::BTreeMap;

use super::super::error::{BadBlob, Error};
use super::super::layer::weigh;
use super::super::look::Look;
use super::super::machine;
use super::super::store::Store;
use super::documents::{BASE_NAME, Config};
use crate::types::{Count, ImageFacts, MULTI_ARCH, Method, PLATFORMS};

/// The parts of one platform's image, checked one by one.
#[derive(Default)]
pub(super) struct Parts {
    look: Look,
    bytes: u64,
    estimated: bool,
    layers: u64,
}

impl Parts {
    /// Starts with a configuration of this size.
    pub(super) fn of(config_bytes: u64) -> Self {
        Self { bytes: config_bytes, ..Self::default() }
    }

    /// Adds a layer. Checks the digests that are known, and returns the stored size.
    pub(super) fn layer(
        &mut self,
        store: &Store,
        name: &str,
        stored: Option<&str>,
        content: Option<&String>,
    ) -> Result<u64, Error> {
        let (from, _) = store.reader(name)?;
        let weight = weigh(from, &mut self.look).map_err(|error| store.blob(name, BadBlob::Unreadable(error)))?;
        let wrong = |found: &str, expected: &str| {
            store.blob(name, BadBlob::Digest { found: found.to_owned(), expected: expected.to_owned() })
        };
        if let Some(known) = stored.filter(|known| *known != weight.digest) {
            return Err(wrong(&weight.digest, known));
        }
        if let Some((is, known)) = weight.content.as_ref().zip(content).filter(|(is, known)| is != known) {
            return Err(wrong(is, known));
        }
        self.estimated |= weight.compressed.is_some();
        self.bytes += weight.compressed.unwrap_or(weight.stored);
        self.layers += 1;
        Ok(weight.stored)
    }

    /// Returns the facts of one platform, without those about all platforms.
    pub(super) fn facts(self, config: &Config, annotated: Option<&str>) -> ImageFacts {
        let method = if self.estimated { Method::Estimated } else { Method::Exact };
        let (base, evidence) = self.look.base(annotated.or_else(|| config.label(BASE_NAME)));
        ImageFacts {
            compressed_bytes: Some(Count { bytes: self.bytes, method }),
            platform: Some(config.platform()),
            layers: Some(self.layers),
            base,
            evidence,
            platforms: None,
            multi_arch: None,
            absent: BTreeMap::new(),
        }
    }
}

/// Marks the platforms as unknown. An engine's archive contains only the platforms that the engine has.
pub(super) fn one_platform_only(facts: &mut ImageFacts) {
    let why =
        "the archive of an engine contains only the platforms that the engine has; give an OCI layout of all of them";
    facts.absent = [PLATFORMS, MULTI_ARCH].into_iter().map(|field| (field.to_owned(), why.to_owned())).collect();
}

/// Returns whether a platform is Linux on this hardware, in any variant.
pub(super) fn is_linux_on(platform: &str, architecture: &str) -> bool {
    let mut parts = platform.split('/');
    parts.next() == Some("linux") && parts.next() == Some(architecture)
}

/// Returns whether a platform is this host's.
pub(super) fn is_here(platform: &str) -> bool {
    is_linux_on(platform, machine::here())
}
