//! Runs the long window on the last instance of each build, for the far quantiles: without pauses, so that every part of it has its
//! share of the requests.

use super::bench::Bench;
use super::builds::named;
use super::event::Event;
use super::halt::Halt;
use super::rig::Rig;
use super::trial;
use crate::measure::Arm;
use crate::measure::RoundStatus;
use crate::measure::audit::rejecting;
use crate::work::Stage;
use crate::work::load::LoadWork;
use harness_base::units::Nanos;
use harness_load::TrialOrder;

/// Number of blocks of the window: units of the interval.
const BLOCKS: u64 = 12;
/// Readings of the record are at least this far apart, because a long window needs fewer.
const APART: Nanos = Nanos::from_secs(1);
/// Attempts, of which the first that the host did not disturb counts.
const ATTEMPTS: u32 = 2;

/// Index of the first attempt, beyond those of all rounds.
const FIRST: u32 = 1_000_000;

/// Runs the window, if there should be one.
///
/// # Errors
/// Returns [`Halt::Failed`] if the target, the upstream or the generator ended.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &LoadWork, benches: &mut [Bench]) -> Result<(), Halt> {
    if work.tail == Nanos::ZERO {
        return Ok(());
    }
    for bench in benches {
        let of = if stage.compared { format!(" of {}", bench.build.name()) } else { String::new() };
        for index in FIRST..FIRST + ATTEMPTS {
            rig.emit(Event::Doing(format!("tail window{of}")));
            let quiet = attempt(rig, stage, work, bench, index).await;
            if quiet.map_err(|halt| named(rig, stage, bench.build, halt))? {
                break;
            }
        }
    }
    Ok(())
}

/// Runs the window once. Returns whether its audit holds.
async fn attempt(
    rig: &mut Rig<'_>,
    stage: &Stage,
    work: &LoadWork,
    bench: &mut Bench,
    index: u32,
) -> Result<bool, Halt> {
    let long = LoadWork { window: work.tail, ..work.clone() };
    let block = Nanos(work.tail.0.div_ceil(BLOCKS));
    let change = |order| TrialOrder { sequence: u64::from(index), block: Some(block), ..order };
    let mut trial = trial::changed(rig, stage, &long, bench, (Arm::Proxied, change)).await?;
    thin(&mut trial.readings.0);
    trial.load.seconds.clear();
    let quiet = rejecting(&trial.audit).is_none();
    rig.recorder.trial(bench.index, index, trial);
    rig.recorder.round(bench.index, index, RoundStatus::Tail);
    Ok(quiet)
}

/// Keeps the readings of the edges, and others that are far enough apart.
fn thin(readings: &mut Vec<crate::measure::Reading>) {
    let Some(last) = readings.pop() else { return };
    let mut kept = None;
    readings.retain(|reading| {
        let keeps = kept.is_none_or(|before| reading.at.since(before) >= APART);
        if keeps {
            kept = Some(reading.at);
        }
        keeps
    });
    readings.push(last);
}
