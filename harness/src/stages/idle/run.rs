//! Observes the target without traffic.

use super::facts::Instance;
use super::work::Work;
use crate::measure::{Reading, Series, Warning, audit};
use crate::run::bench::Bench;
use crate::run::builds::{builds, launch, named, of_two};
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// Launches each build `launches` times and reads what it uses without traffic: one at a time, because two processes of
/// the same file would share pages.
///
/// # Errors
/// Returns [`Halt::Failed`] if a launch fails or the target ends by itself.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    let Work { launches, settle, window } = *work;
    for turn in 0..launches {
        let order = builds(stage, turn);
        for (index, build) in (turn * order.len() as u64..).zip(order) {
            let launch = launch(stage, *build, turn);
            rig.emit(Event::Doing(format!("{launch}, settling")));
            let mut bench = Bench::start(rig, stage, (index, *build), None).await?;
            let watched = watch(rig, &mut bench, settle, window).await;
            bench.stop(rig).await;
            let readings = watched.map_err(|halt| named(rig, stage, *build, halt))?;
            for check in audit::disturbances(&readings, &stage.audit) {
                rig.recorder.warn(Warning::Disturbed { launch: turn + 1, build: of_two(stage, *build), check });
            }
        }
        rig.emit(Event::Step { done: turn + 1, of: launches });
    }
    Ok(())
}

async fn watch(rig: &mut Rig<'_>, bench: &mut Bench, settle: Nanos, window: Nanos) -> Result<Series<Reading>, Halt> {
    let start = Mono::now().after(settle);
    bench.announce(start, start.after(window));
    let window = bench.watch(&rig.interrupt).await?;
    rig.recorder.instance_facts(bench.index, Instance { readings: Some(window.readings.clone()) });
    Ok(window.readings)
}
