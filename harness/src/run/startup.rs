//! Stages without load: look at the executable, launch it again and again, watch it do nothing.

use super::bench::Bench;
use super::builds::{builds, named};
use super::event::Event;
use super::halt::Halt;
use super::rig::Rig;
use crate::measure::trial::Build;
use crate::measure::{Reading, Series, audit};
use crate::plan::Stage;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// Launches each build `launches` times and records how long each took.
///
/// # Errors
/// [`Halt::Failed`] when a launch fails.
pub(super) async fn startup(rig: &mut Rig<'_>, stage: &Stage, launches: u64) -> Result<(), Halt> {
    for turn in 0..launches {
        let order = builds(stage, turn);
        for (index, build) in (turn * order.len() as u64..).zip(order) {
            rig.tell(Event::Doing(launch(stage, *build, turn)));
            let bench = Bench::start(rig, stage, (index, *build), None).await?;
            bench.stop(rig).await;
        }
        rig.tell(Event::Step { done: turn + 1, of: launches });
    }
    Ok(())
}

/// Launches each build `launches` times and reads what it uses without traffic: one at a time, since two of one file would share
/// pages.
///
/// # Errors
/// [`Halt::Failed`] when a launch fails or the target ends by itself.
pub(super) async fn idle(
    rig: &mut Rig<'_>,
    stage: &Stage,
    launches: u64,
    settle: Nanos,
    window: Nanos,
) -> Result<(), Halt> {
    for turn in 0..launches {
        let order = builds(stage, turn);
        for (index, build) in (turn * order.len() as u64..).zip(order) {
            let launch = launch(stage, *build, turn);
            rig.tell(Event::Doing(format!("{launch}, settling")));
            let mut bench = Bench::start(rig, stage, (index, *build), None).await?;
            let watched = watch(rig, &mut bench, settle, window).await;
            bench.stop(rig).await;
            let readings = watched.map_err(|halt| named(rig, stage, *build, halt))?;
            for check in audit::disturbances(&readings, &stage.audit) {
                let hint = check.hint.unwrap_or_default();
                rig.recorder.warn(format!("{launch} was disturbed: {}; {hint}", check.message));
            }
        }
        rig.tell(Event::Step { done: turn + 1, of: launches });
    }
    Ok(())
}

/// A launch as it is called in a message: counted from 1 for each build.
fn launch(stage: &Stage, build: Build, turn: u64) -> String {
    let of = if stage.compared { format!(" of {}", build.name()) } else { String::new() };
    format!("launch {}{of}", turn + 1)
}

async fn watch(rig: &mut Rig<'_>, bench: &mut Bench, settle: Nanos, window: Nanos) -> Result<Series<Reading>, Halt> {
    let start = Mono::now().after(settle);
    bench.announce(start, start.after(window));
    let window = bench.watch(&rig.interrupt).await?;
    rig.recorder.idle(bench.index, window.readings.clone());
    Ok(window.readings)
}
