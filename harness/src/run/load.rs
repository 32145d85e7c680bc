//! Runs a stage with load in rounds: instances × rounds × builds × arms.

use super::bench::Bench;
use super::halt::Halt;
use super::rig::Rig;
use super::rounds::{self, Extent, Tally};
use crate::work::Stage;
use crate::work::load::LoadWork;
use crate::work::planned::RoundsWork;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The time in which the memory of an idle target is read.
const IDLE: Nanos = Nanos::from_millis(100);
/// The time until the sampler has its order.
const LEAD: Nanos = Nanos::from_millis(5);

/// Runs a stage that consists of its rounds.
///
/// # Errors
/// See [`rounds`].
pub(crate) async fn planned(rig: &mut Rig<'_>, stage: &Stage, work: &impl RoundsWork) -> Result<(), Halt> {
    rounds(rig, stage, work.load()).await
}

/// Runs the rounds, distributed over fresh instances. Each round is recorded when it ends, so that an abort loses
/// nothing.
///
/// # Errors
/// Returns [`Halt::Invalid`] if too few rounds are valid, [`Halt::Failed`] if the target or a tool fails.
pub(crate) async fn rounds(rig: &mut Rig<'_>, stage: &Stage, work: &LoadWork) -> Result<(), Halt> {
    rounds_after(rig, stage, work, rounds::unprepared).await
}

/// Runs the rounds like [`rounds`], and calls `before` with each instance before its first request.
///
/// # Errors
/// As [`rounds`], and the errors of `before`.
pub(crate) async fn rounds_after(
    rig: &mut Rig<'_>,
    stage: &Stage,
    work: &LoadWork,
    before: impl AsyncFn(&mut Rig<'_>, &mut Bench) -> Result<(), Halt>,
) -> Result<(), Halt> {
    let mut tally = Tally::new(work.rounds, (stage, work), (0, work.rounds), Extent::Stage);
    for turn in 0..work.instances {
        let share = work.rounds / work.instances + u64::from(turn < work.rounds % work.instances);
        let until = tally.valid + share;
        rounds::rounds(rig, stage, work, turn, &mut tally, until, &before).await?;
    }
    Ok(())
}

/// Returns the smallest memory of an instance that has no load: PSS for a tree of several processes, RSS otherwise; `None` if it could not
/// be read.
///
/// # Errors
/// Returns [`Halt::Failed`] if the target or a tool fails, or [`Halt::Interrupted`].
pub(crate) async fn idle_memory(rig: &Rig<'_>, bench: &mut Bench) -> Result<Option<u64>, Halt> {
    let start = Mono::now().after(LEAD);
    bench.announce(start, start.after(IDLE));
    let window = bench.watch(&rig.interrupt).await?;
    Ok(window.readings.target_memory().into_iter().min())
}
