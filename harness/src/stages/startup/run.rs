//! Launches the target repeatedly.

use super::work::Work;
use crate::run::bench::Bench;
use crate::run::builds::{builds, launch};
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use crate::work::Stage;

/// Launches each build `launches` times and records the durations.
///
/// # Errors
/// Returns [`Halt::Failed`] if a launch fails.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    for turn in 0..work.launches {
        let order = builds(stage, turn);
        for (index, build) in (turn * order.len() as u64..).zip(order) {
            rig.emit(Event::Doing(launch(stage, *build, turn)));
            let bench = Bench::start(rig, stage, (index, *build), None).await?;
            bench.stop(rig).await;
        }
        rig.emit(Event::Step { done: turn + 1, of: work.launches });
    }
    Ok(())
}
