//! Loads an image into the engine.

use std::path::Path;

use bollard::query_parameters::ImportImageOptions;
use bollard::{Docker, body_full};
use futures_util::StreamExt;

use super::error::Error;

/// Loads the image in an archive of this host, and removes the archive.
///
/// # Errors
/// Returns [`Error::Refused`].
pub(crate) async fn load(docker: &Docker, archive: &Path) -> Result<(), Error> {
    let bytes = std::fs::read(archive).map_err(|error| Error::Refused {
        doing: "load an image".to_owned(),
        message: format!("{}: {error}", archive.display()),
    })?;
    // If this fails, the archive remains in the scratch folder until the run ends.
    let _kept = std::fs::remove_file(archive);
    let mut loading = std::pin::pin!(docker.import_image(ImportImageOptions::default(), body_full(bytes.into()), None));
    while let Some(step) = loading.next().await {
        step.map_err(Error::refused("load an image"))?;
    }
    Ok(())
}
