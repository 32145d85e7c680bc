//! Facts about an image from its files: an OCI layout, an archive of one, or what an engine saved.

mod documents;
mod layout;
mod saved;

use std::collections::BTreeMap;
use std::path::Path;

use self::documents::{BASE_NAME, Config};
use super::layer::weigh;
use super::look::Look;
use super::store::Store;
use super::{Error, machine};
use crate::types::{Count, ImageFacts, MULTI_ARCH, Method, PLATFORMS};

/// What is known of the image at `path`: a folder in OCI layout, an archive of one, or an archive from `docker save`.
///
/// The size is that of configuration and compressed layers for one platform, this host's where the image has it. All that is
/// counted is checked against its digest. Layers that are stored uncompressed are compressed for the count, and the method
/// says so.
///
/// # Errors
/// [`Error`]: no image, several of them, or a part that is missing or not what its digest says.
pub fn facts(path: &Path) -> Result<ImageFacts, Error> {
    let store = Store::open(path)?;
    match (store.has("index.json"), store.has("manifest.json")) {
        (true, saved) => layout::facts(&store, saved),
        (false, true) => saved::facts(&store),
        (false, false) => {
            let message = "it has neither index.json nor manifest.json".to_owned();
            Err(Error::NoImage { path: path.to_owned(), message })
        }
    }
}

/// One platform's image, checked part by part.
#[derive(Default)]
struct Parts {
    look: Look,
    bytes: u64,
    estimated: bool,
    layers: u64,
}

impl Parts {
    /// Adds a layer that must have these digests, as far as they are known.
    fn layer(
        &mut self,
        store: &Store,
        name: &str,
        stored: Option<&str>,
        content: Option<&String>,
    ) -> Result<u64, Error> {
        let (from, _) = store.reader(name)?;
        let weight = weigh(from, &mut self.look).map_err(|error| store.blob(name, format!("is broken: {error}")))?;
        let wrong =
            |is: &str, known: &str| store.blob(name, format!("is not what it should be: {is} instead of {known}"));
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

    /// The facts of one platform; those of all platforms are absent for now.
    fn facts(self, config: &Config, annotated: Option<&str>) -> ImageFacts {
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

/// An archive of an engine holds the platforms that the engine has; whether there are others cannot be seen in it.
fn one_platform_only(facts: &mut ImageFacts) {
    let why = "an archive of an engine holds only the platforms that it has; give an OCI layout of all of them";
    facts.absent = [PLATFORMS, MULTI_ARCH].into_iter().map(|field| (field.to_owned(), why.to_owned())).collect();
}

/// Whether a platform is Linux on this hardware, in whatever variant.
fn is_linux_on(platform: &str, architecture: &str) -> bool {
    let mut parts = platform.split('/');
    parts.next() == Some("linux") && parts.next() == Some(architecture)
}

/// Whether a platform is this host's.
fn is_here(platform: &str) -> bool {
    is_linux_on(platform, machine::here())
}
