//! Finds or builds the image of a container.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::engine::Engine;
use super::error::{Error, is_absent};
use super::image::Image;
use super::load::load;
use crate::aside::aside;
use crate::keeper::clean_env;
use crate::target::error::Error as TargetError;
use crate::target::placeholders::Values;
use crate::target::process::{program, render, render_program};
use crate::target::site::Site;
use crate::target::spec::{ContainerSpec, ImageSpec, Placed};
use harness_image as image;

/// The key of an image in a scenario.
pub(super) const IMAGE: &str = "target.container.image";
/// The key of a binary in a scenario.
pub(super) const BINARY: &str = "target.container.binary";

/// Returns the image of `spec`. Builds it from its binary, if it has one, once per run.
pub(super) async fn resolve(engine: &Engine, site: &Site, spec: &ContainerSpec) -> Result<Image, TargetError> {
    let mut values = Values::new(&site.ports, None, BTreeMap::new());
    let (key, named) = match &spec.image {
        ImageSpec::Image(image) => (IMAGE, render(&mut values, image, IMAGE)?),
        ImageSpec::Binary(binary) => (BINARY, render_program(&mut values, binary, BINARY)?),
    };
    let mut known = site.containers.images.lock().await;
    if let Some(image) = known.get(&format!("{key} {named}")) {
        return Ok(image.clone());
    }
    let image = match &spec.image {
        ImageSpec::Image(_) => inspect(engine, &named).await?,
        ImageSpec::Binary(_) => {
            let env = clean_env(&site.scratch, &[]);
            let program = program(site, vec![named.clone()], &env, key.to_owned())?;
            let mut image = binary_image(engine, site, &program.executable, &spec.files).await?;
            // `builtin:sidecar` is this binary with an argument.
            image.entrypoint.get_or_insert_default().extend(program.argv.into_iter().skip(1));
            Image { named: named.clone(), binary: Some(program.executable), builtin: program.builtin, ..image }
        }
    };
    known.insert(format!("{key} {named}"), image.clone());
    Ok(image)
}

async fn inspect(engine: &Engine, name: &str) -> Result<Image, Error> {
    let found = match engine.docker.inspect_image(name).await {
        Ok(found) => found,
        Err(error) if is_absent(&error) => return Err(Error::NoImage { image: name.to_owned() }),
        Err(error) => return Err(Error::refused(&format!("look at image {name}"))(error)),
    };
    let (is, host) = (found.architecture.unwrap_or_default(), image::architecture());
    if !is.is_empty() && is != host {
        return Err(Error::WrongArchitecture { image: name.to_owned(), is, host: host.to_owned() });
    }
    let config = found.config.unwrap_or_default();
    Ok(Image {
        named: name.to_owned(),
        id: found.id.unwrap_or_default(),
        entrypoint: None,
        own: (config.entrypoint.unwrap_or_default(), config.cmd.unwrap_or_default()),
        binary: None,
        builtin: false,
    })
}

/// Builds an image from a binary, its dependencies and `files`, and loads it into the engine. It has the run's labels, so it is
/// removed with the run.
async fn binary_image(engine: &Engine, site: &Site, binary: &Path, files: &[Placed]) -> Result<Image, Error> {
    let archive = site.scratch.join("image.tar");
    let labels: BTreeMap<String, String> = engine.labels.all().into_iter().collect();
    let (program, out) = (binary.to_owned(), archive.clone());
    let extra: Vec<(PathBuf, String)> =
        files.iter().map(|placed| (placed.from.clone(), placed.to.to_string_lossy().into_owned())).collect();
    let build = move || {
        let order = image::BuildRequest {
            executable: &program,
            extra: &extra,
            furnished: true,
            labels: &labels,
            tag: None,
            out: &out,
        };
        image::build(&order)
    };
    let failed = |message: String| Error::Refused { doing: "load an image".to_owned(), message };
    let built = aside(build).await.map_err(|error| failed(error.to_string()))??;
    load(&engine.docker, &archive).await?;
    let image = inspect(engine, &built.id).await?;
    Ok(Image { entrypoint: Some(vec![built.entrypoint]), ..image })
}

/// Saves the engine's copy of the image `name` as an archive below the run's scratch folder.
pub(super) async fn save(engine: &Engine, site: &Site, name: &str) -> Result<PathBuf, Error> {
    let path = site.scratch.join("image-saved.tar");
    let failed = |error: std::io::Error| Error::Refused {
        doing: format!("save image {name}"),
        message: format!("{}: {error}", path.display()),
    };
    let mut file = tokio::fs::File::create(&path).await.map_err(failed)?;
    let mut saving = std::pin::pin!(engine.docker.export_image(name));
    while let Some(part) = saving.next().await {
        let part = part.map_err(Error::refused(&format!("save image {name}")))?;
        file.write_all(&part).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok(path)
}
