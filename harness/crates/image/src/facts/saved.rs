//! Facts of an archive written by `docker save`: one platform, whose layers are plain archives.

use serde::Deserialize;

use super::super::error::{BadBlob, Error};
use super::super::store::Store;
use super::documents::{Config, checked, is_hex, parsed};
use super::parts::{Parts, one_platform_only};
use crate::types::ImageFacts;

/// One image of the archive.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

pub(super) fn facts(store: &Store) -> Result<ImageFacts, Error> {
    let images: Vec<Saved> = parsed(store, "manifest.json", &store.document("manifest.json")?)?;
    let [image] = images.as_slice() else {
        let names: Vec<String> = images.iter().map(Saved::name).collect();
        return Err(Error::Several { path: store.path().to_owned(), images: names.join(", ") });
    };
    let content = store.document(&image.config)?;
    let file = image.config.rsplit('/').next().unwrap_or_default();
    let hex = file.strip_suffix(".json").unwrap_or(file);
    if is_hex(hex) {
        checked(store, &image.config, &content, &format!("sha256:{hex}"))?;
    }
    let config: Config = parsed(store, &image.config, &content)?;
    if config.diff_ids().len() != image.layers.len() {
        let reason = BadBlob::LayerCount { manifest: image.layers.len(), config: config.diff_ids().len() };
        return Err(store.blob(&image.config, reason));
    }
    let mut parts = Parts::of(content.len() as u64);
    for (layer, content) in image.layers.iter().zip(config.diff_ids()) {
        parts.layer(store, layer, None, Some(content))?;
    }
    let mut facts = parts.facts(&config, None);
    one_platform_only(&mut facts);
    Ok(facts)
}

impl Saved {
    fn name(&self) -> String {
        self.repo_tags.as_ref().and_then(|tags| tags.first()).unwrap_or(&self.config).clone()
    }
}
