//! Observes the target without traffic.

use super::facts::Instance;
use super::work::Work;
use crate::measure::audit::{Check, disturbances};
use crate::measure::{Reading, Series};
use crate::run::bench::Bench;
use crate::run::builds::{launch, named};
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::launches::{self, Launching};
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// Launches each build until `launches` of them were undisturbed, and reads what it uses without traffic: one at a time, because two
/// processes of the same file would share pages.
///
/// # Errors
/// Returns [`Halt::Failed`] if a launch fails or the target ends by itself, or [`Halt::Invalid`] if too many are disturbed.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    launches::repeat(rig, stage, work.launches, async |rig, launching| one(rig, stage, work, launching).await).await
}

async fn one(rig: &mut Rig<'_>, stage: &Stage, work: &Work, launching: Launching) -> Result<Vec<Check>, Halt> {
    let Launching { index, build, turn } = launching;
    let launch = launch(stage, build, turn);
    rig.emit(Event::Doing(format!("{launch}, settling")));
    let mut bench = Bench::start(rig, stage, (index.into(), build), None).await?;
    let watched = watch(rig, &mut bench, work.settle, work.window).await;
    bench.stop(rig).await;
    let readings = watched.map_err(|halt| named(rig, stage, build, halt))?;
    Ok(disturbances(&readings, &stage.audit))
}

async fn watch(rig: &mut Rig<'_>, bench: &mut Bench, settle: Nanos, window: Nanos) -> Result<Series<Reading>, Halt> {
    let start = Mono::now().after(settle);
    bench.announce(start, start.after(window));
    let window = bench.watch(&rig.interrupt).await?;
    rig.recorder.instance_facts(bench.index, Instance { readings: Some(window.readings.clone()) });
    Ok(window.readings)
}
