//! Facts about an image from its files: an OCI layout, an archive of one, or an archive written by an engine.

mod documents;
mod layout;
mod parts;
mod saved;

use std::path::Path;

use super::error::{Error, NoImage};
use super::store::Store;
use crate::types::ImageFacts;

/// Reads the facts of the image at `path`: a folder in OCI layout, an archive of one, or an archive from `docker save`.
///
/// The size is that of configuration and compressed layers for one platform, preferably this host's. Everything that is counted
/// is checked against its digest. Uncompressed layers are compressed for the count, which the method shows.
///
/// # Errors
/// Returns an [`Error`] when there is no image or more than one, or a part is missing or does not match its digest.
pub fn facts(path: &Path) -> Result<ImageFacts, Error> {
    let store = Store::open(path)?;
    match (store.has("index.json"), store.has("manifest.json")) {
        (true, saved) => layout::facts(&store, saved),
        (false, true) => saved::facts(&store),
        (false, false) => Err(Error::NoImage { path: path.to_owned(), reason: NoImage::NoIndex }),
    }
}
