//! Inspects the executable and the image of each build.

use std::path::PathBuf;

use super::facts::Stage as Facts;
use super::work::Work;
use crate::measure::ImageFacts;
use crate::measure::trial::Build;
use crate::run::bench;
use crate::run::builds;
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::exit::Exit;
use harness_image as image;
use harness_rig::aside::aside;
use harness_rig::target;
use harness_rig::target::spec::Spec;

/// Inspects the executable of each build, and its image if one is named or the target is a container.
///
/// # Errors
/// Returns [`Halt::Failed`] if the file or image does not exist, or [`Halt::Interrupted`].
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    let found = target::executable(&rig.plan.target, &rig.site).map_err(|error| bench::launch_halt(&error));
    let found = found.map_err(|halt| builds::named(rig, stage, Build::Head, halt))?;
    let size = std::fs::metadata(&found.path).map(|file| file.len()).ok();
    let mut facts = Facts { size_bytes: size.filter(|_| !found.builtin), ..Facts::default() };
    rig.recorder.stage_facts(facts.clone());
    if let Some(base) = &rig.plan.base {
        // The size of its file is in the header of the record.
        let found = target::executable(base, &rig.site).map_err(|error| bench::launch_halt(&error));
        found.map_err(|halt| builds::named(rig, stage, Build::Base, halt))?;
    }
    (facts.image, facts.base_image) = match (&work.image, &rig.plan.base) {
        // It belongs to neither build.
        (Some(named), _) => (Some(image_facts(rig, rig.plan.folder.join(named)).await?), None),
        (None, Some(base)) => (image_of(rig, &rig.plan.target).await?, image_of(rig, base).await?),
        (None, None) => (image_of(rig, &rig.plan.target).await?, None),
    };
    if facts.image.is_some() || facts.base_image.is_some() {
        rig.recorder.stage_facts(facts);
    }
    Ok(())
}

/// Returns the engine's image of a build that is a container.
async fn image_of(rig: &Rig<'_>, build: &Spec) -> Result<Option<ImageFacts>, Halt> {
    let saved = rig.interrupt.or(target::saved_image(build, &rig.site)).await?;
    match saved.map_err(|error| bench::launch_halt(&error))? {
        Some(saved) => image_facts(rig, saved).await.map(Some),
        None => Ok(None),
    }
}

/// Reads the facts of an image. It reads every byte and compresses some of them, so it uses a separate thread, which an
/// interrupt does not wait for.
async fn image_facts(rig: &Rig<'_>, image: PathBuf) -> Result<ImageFacts, Halt> {
    let facts = rig.interrupt.or(aside(move || image::facts(&image))).await?.map_err(|error| Halt::tooling(&error))?;
    facts.map_err(|error| Halt::failed(Exit::InvalidInput, &error))
}
