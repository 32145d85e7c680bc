//! Runs the rounds.

use super::work::Work;
use crate::run::halt::Halt;
use crate::run::load;
use crate::run::rig::Rig;
use crate::work::Stage;

/// Runs the stage.
///
/// # Errors
/// See [`load::rounds`].
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    load::rounds(rig, stage, &work.load).await
}
