//! An image in OCI layout: an index of manifests, one for each platform.

use super::super::Error;
use super::super::store::Store;
use super::documents::{BASE_NAME, Config, Descriptor, Document, parsed};
use super::{Parts, is_here, is_linux_on, one_platform_only};
use crate::types::ImageFacts;

/// Indexes inside indexes that are followed.
const DEEPEST: u32 = 4;

/// The image of one platform.
struct Candidate {
    descriptor: Descriptor,
    platform: String,
    /// Its manifest is there; in an archive of an engine it may not be.
    present: bool,
}

/// The facts; `saved` where an engine wrote it, which knows the platforms that it has only.
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
        return Err(Error::NoImage { path: store.path().to_owned(), message: "its index lists no image".to_owned() });
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

/// Every image behind these descriptors, each once; what is only about an image is passed over.
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
                return Err(store.blob(&descriptor.digest, "is an index in too many others".to_owned()));
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

/// Signatures and charts are stored as manifests too, with another kind of configuration.
fn is_image(config: &Descriptor) -> bool {
    matches!(
        config.media_type.as_str(),
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
    )
}

/// The facts of one platform, every part read and checked.
fn weighed(store: &Store, descriptor: &Descriptor) -> Result<ImageFacts, Error> {
    let manifest: Document = descriptor.read(store)?;
    let name = descriptor.name(store)?;
    let Some(config) = &manifest.config else {
        return Err(store.blob(&name, "is a manifest without a configuration".to_owned()));
    };
    let mut parts = Parts { bytes: config.size, ..Parts::default() };
    let annotations = manifest.annotations.as_ref().and_then(|annotations| annotations.get(BASE_NAME));
    let annotated = annotations.map(String::as_str).or_else(|| descriptor.annotation(BASE_NAME));
    let config: Config = config.read(store)?;
    let contents = config.diff_ids();
    if contents.len() != manifest.layers.len() {
        let message = format!("has {} layers, and its configuration {}", manifest.layers.len(), contents.len());
        return Err(store.blob(&name, message));
    }
    for (layer, content) in manifest.layers.iter().zip(contents) {
        let name = layer.name(store)?;
        let stored = parts.layer(store, &name, Some(&layer.digest), Some(content))?;
        if stored != layer.size {
            return Err(store.blob(&name, format!("has {stored} bytes instead of {}", layer.size)));
        }
    }
    Ok(parts.facts(&config, annotated))
}
