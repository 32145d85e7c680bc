//! Runs the rounds, after a look at the idle target.

use super::facts::Instance;
use super::work::Work;
use crate::run::bench::Bench;
use crate::run::halt::Halt;
use crate::run::load;
use crate::run::rig::Rig;
use crate::work::Stage;

/// Runs the stage.
///
/// # Errors
/// See [`load::rounds`].
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    load::rounds_after(rig, stage, &work.load, idle).await
}

/// Records the memory of a target that has had no request: an allocator may keep what the first streams needed.
async fn idle(rig: &mut Rig<'_>, bench: &mut Bench) -> Result<(), Halt> {
    let idle_bytes = load::idle_memory(rig, bench).await?;
    rig.recorder.instance_facts(bench.index, Instance { idle_bytes });
    Ok(())
}
