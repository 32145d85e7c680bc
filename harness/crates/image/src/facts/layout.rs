//! Facts of an image in OCI layout: an index of manifests, one for each platform.

use super::super::error::{BadBlob, Error, NoImage};
use super::super::store::Store;
use super::documents::{BASE_NAME, Config, Descriptor, Document, parsed};
use super::parts::{Parts, is_here, is_linux_on, one_platform_only};
use crate::types::ImageFacts;

/// The depth of nested indexes that are read.
const DEEPEST: u32 = 4;

/// The image of one platform.
struct Candidate {
    descriptor: Descriptor,
    platform: String,
    /// Whether its manifest exists; it may be missing in an archive of an engine.
    present: bool,
}

/// Reads the facts. `saved` is set for an archive of an engine, which contains only the platforms that the engine has.
pub(super) fn facts(store: &Store, saved: bool) -> Result<ImageFacts, Error> {
    let index: Document = parsed(store, "index.json", &store.document("index.json")?)?;
    let mut candidates = Vec::new();
    gather(store, index.manifests.as_deref().unwrap_or_default(), saved, DEEPEST, &mut candidates)?;
    let platforms: Vec<String> = candidates.iter().map(|candidate| candidate.platform.clone()).collect();
    let twice = platforms.iter().enumerate().any(|(at, platform)| platforms[..at].contains(platform));
    if twice {
        return Err(Error::Several { path: store.path().to_owned(), images: platforms.join(", ") });
    }
    let present = || candidates.iter().filter(|candidate| candidate.present);
    let chosen = present().find(|candidate| is_here(&candidate.platform)).or_else(|| present().next());
    let Some(chosen) = chosen else {
        return Err(Error::NoImage { path: store.path().to_owned(), reason: NoImage::EmptyIndex });
    };
    let mut facts = weighed(store, &chosen.descriptor)?;
    let has = |architecture| platforms.iter().any(|platform| is_linux_on(platform, architecture));
    let both = has("amd64") && has("arm64");
    if saved && !both {
        one_platform_only(&mut facts);
    } else {
        facts.multi_arch = Some(both);
        facts.platforms = Some(platforms);
    }
    Ok(facts)
}

/// Collects the images behind these descriptors, each once, without attestations.
fn gather(
    store: &Store,
    descriptors: &[Descriptor],
    saved: bool,
    depth: u32,
    found: &mut Vec<Candidate>,
) -> Result<(), Error> {
    for descriptor in descriptors.iter().filter(|descriptor| !descriptor.is_attestation()) {
        if found.iter().any(|known| known.descriptor.digest == descriptor.digest) {
            continue;
        }
        let present = store.has(&descriptor.name(store)?);
        if let (false, true, Some(platform)) = (present, saved, &descriptor.platform) {
            found.push(Candidate { descriptor: descriptor.clone(), platform: platform.name(), present });
            continue;
        }
        let document: Document = descriptor.read(store)?;
        if let Some(inner) = &document.manifests {
            if depth == 0 {
                return Err(store.blob(&descriptor.digest, BadBlob::NestedTooDeep));
            }
            gather(store, inner, saved, depth - 1, found)?;
        } else if let Some(config) = document.config.as_ref().filter(|config| is_image(config)) {
            let platform = match &descriptor.platform {
                Some(platform) => platform.name(),
                None => config.read::<Config>(store)?.platform(),
            };
            found.push(Candidate { descriptor: descriptor.clone(), platform, present });
        }
    }
    Ok(())
}

/// Returns whether a manifest is an image. Signatures and charts are manifests too, with another type of configuration.
fn is_image(config: &Descriptor) -> bool {
    matches!(
        config.media_type.as_str(),
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
    )
}

/// Reads and checks every part of one platform.
fn weighed(store: &Store, descriptor: &Descriptor) -> Result<ImageFacts, Error> {
    let manifest: Document = descriptor.read(store)?;
    let name = descriptor.name(store)?;
    let Some(config) = &manifest.config else {
        return Err(store.blob(&name, BadBlob::NoConfig));
    };
    let mut parts = Parts::of(config.size);
    let annotations = manifest.annotations.as_ref().and_then(|annotations| annotations.get(BASE_NAME));
    let annotated = annotations.map(String::as_str).or_else(|| descriptor.annotation(BASE_NAME));
    let config: Config = config.read(store)?;
    let contents = config.diff_ids();
    if contents.len() != manifest.layers.len() {
        let reason = BadBlob::LayerCount { manifest: manifest.layers.len(), config: contents.len() };
        return Err(store.blob(&name, reason));
    }
    for (layer, content) in manifest.layers.iter().zip(contents) {
        let name = layer.name(store)?;
        let stored = parts.layer(store, &name, Some(&layer.digest), Some(content))?;
        if stored != layer.size {
            return Err(store.blob(&name, BadBlob::Size { found: stored, expected: layer.size }));
        }
    }
    Ok(parts.facts(&config, annotated))
}
