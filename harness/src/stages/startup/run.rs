//! Launches the target repeatedly.

use super::facts::{Instance, Reported};
use super::work::Work;
use crate::measure::audit::{Check, launch_disturbances};
use crate::measure::{Reading, Series};
use crate::run::bench::Bench;
use crate::run::builds::{launch, named};
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::launches::{self, Launching, cold};
use crate::run::on_launch;
use crate::run::rig::Rig;
use crate::work::Stage;

/// Launches each build until `launches` of them were undisturbed, and records the durations.
///
/// # Errors
/// Returns [`Halt::Failed`] if a launch fails, or [`Halt::Invalid`] if too many are disturbed.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    launches::repeat(rig, stage, work.launches, async |rig, launching| one(rig, stage, launching).await).await
}

async fn one(rig: &mut Rig<'_>, stage: &Stage, launching: Launching) -> Result<Vec<Check>, Halt> {
    let Launching { index, build, turn } = launching;
    rig.emit(Event::Doing(launch(stage, build, turn)));
    let mut bench = Bench::start(rig, stage, (index.into(), build), None).await?;
    let watched = bench.launch_readings(&rig.interrupt).await;
    let record = bench.launch().clone();
    let reported = if watched.is_ok() { on_launch::read(rig, stage, &bench).await } else { Ok(None) };
    if let (Ok(readings), Ok(reported)) = (&watched, &reported) {
        let policy_load = reported.clone().map(|found| found.map_or_else(Reported::Missing, Reported::Ms));
        rig.recorder.instance_facts(index, Instance { readings: Some(readings.clone()), policy_load });
    }
    bench.stop(rig).await;
    let readings: Series<Reading> = watched.map_err(|halt| named(rig, stage, build, halt))?;
    reported.map_err(|halt| named(rig, stage, build, halt))?;
    let faults = readings.0.last().and_then(|reading| reading.target?.major_faults);
    let disturbed = launch_disturbances(&record, &readings, &stage.audit);
    Ok(disturbed.into_iter().chain(cold(launching, faults)).collect())
}
