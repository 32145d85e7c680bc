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

/// Runs the rounds, distributed over fresh instances; of a cell, those of one instance. Each round is recorded when it ends, so that an
/// abort loses nothing.
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
    let (turns, progress, known) = match &mut rig.turn {
        Some(turn) => (turn.index..turn.index + 1, turn.progress, turn.tally.take()),
        None => (0..work.instances, (0, work.rounds), None),
    };
    let mut tally = known.unwrap_or_else(|| Tally::new(work.rounds, (stage, work), progress, Extent::Stage));
    tally.stage = progress;
    for turn in turns {
        let share = work.rounds / work.instances + u64::from(turn < work.rounds % work.instances);
        let until = tally.valid + share;
        rounds::rounds(rig, stage, work, turn, &mut tally, until, &before).await?;
    }
    if let Some(turn) = &mut rig.turn {
        tally.pause();
        turn.tally = Some(tally);
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
