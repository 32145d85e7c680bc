//! Stages without load: look at the executable, launch it again and again, watch it do nothing.

use super::bench::Bench;
use super::event::Event;
use super::halt::Halt;
use super::rig::Rig;
use crate::clock::Mono;
use crate::measure::{Reading, Series, audit};
use crate::plan::Stage;
use crate::units::Nanos;

/// Launches the target `launches` times and records how long each took.
///
/// # Errors
/// [`Halt::Failed`] when a launch fails.
pub(super) async fn startup(rig: &mut Rig<'_>, stage: &Stage, launches: u64) -> Result<(), Halt> {
    for index in 0..launches {
        rig.tell(Event::Doing(format!("launch {}", index + 1)));
        let bench = Bench::start(rig, stage, index, None).await?;
        bench.stop(rig).await;
        rig.tell(Event::Step { done: index + 1, of: launches });
    }
    Ok(())
}

/// Launches the target `launches` times and reads what it uses without traffic.
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
    for index in 0..launches {
        rig.tell(Event::Doing(format!("launch {}, settling", index + 1)));
        let mut bench = Bench::start(rig, stage, index, None).await?;
        let watched = watch(rig, &mut bench, settle, window).await;
        bench.stop(rig).await;
        for check in audit::disturbances(&watched?, &stage.audit) {
            let hint = check.hint.unwrap_or_default();
            rig.recorder.warn(format!("launch {} was disturbed: {}; {hint}", index + 1, check.says));
        }
        rig.tell(Event::Step { done: index + 1, of: launches });
    }
    Ok(())
}

async fn watch(rig: &mut Rig<'_>, bench: &mut Bench, settle: Nanos, window: Nanos) -> Result<Series<Reading>, Halt> {
    let start = Mono::now().after(settle);
    bench.announce(start, start.after(window));
    let window = bench.watch(&rig.interrupt).await?;
    rig.recorder.idle(window.readings.clone());
    Ok(window.readings)
}
