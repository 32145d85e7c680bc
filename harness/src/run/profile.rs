//! Records a flame graph of the target under `perf`: in an additional window after the last measured one, or in additional runs of a program.
//!
//! Sampling slows the target down, so the trial of this window is discarded. If profiling fails, the stage records the
//! reason, and its numbers stay valid.

mod perf;
mod program;

use std::path::Path;

pub(crate) use program::{Under, of_program};

use super::bench::Bench;
use super::event::Event;
use super::halt::Halt;
use super::rig::Rig;
use super::trial;
use crate::measure::Arm;
use crate::measure::LoadFacts;
use crate::measure::profile::{Stacks, Taken};
use crate::measure::trial::Build;
use crate::plan::Plan;
use crate::work::Stage;
use crate::work::load::LoadWork;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::LoadEngine;
use harness_load::frames::TrialOrder;
use harness_rig::target::Site;
use perf::{PATIENCE, Trouble, into_record, stopped};

/// Limits of the window, which is otherwise as long as that of the stage.
const SHORTEST: Nanos = Nanos::from_secs(2);
const LONGEST: Nanos = Nanos::from_secs(5);
/// Longest warm-up before it, because the target is warm already.
const WARMUP: Nanos = Nanos::from_secs(1);

/// Returns why a plan with profiles will have none, if that is known before the run.
pub fn no_profile(plan: &Plan) -> Option<String> {
    plan.profile?;
    let missing = !perf::is_found(&plan.folder);
    let loaded = plan.stages.iter().any(|stage| stage.work.planned().is_profiled());
    if !loaded {
        Some("no selected stage has load or runs a program; profiles are taken in overhead, capacity, constrained, soak and command".to_owned())
    } else if missing {
        Some(Trouble::Missing.to_string())
    } else {
        None
    }
}

/// Profiles the head of a stage whose rounds are complete, if that was asked for.
///
/// # Errors
/// Returns [`Halt::Interrupted`]. All other failures are recorded as a reason.
pub(crate) async fn of_rounds(
    rig: &mut Rig<'_>,
    stage: &Stage,
    work: &LoadWork,
    benches: &mut [Bench],
) -> Result<(), Halt> {
    // Each set of limits of a curve has separate rounds, which are too many to profile.
    let wanted = stage.work.planned().is_profiled();
    match benches.iter_mut().find(|bench| bench.build == Build::Head && wanted) {
        Some(bench) => window(rig, stage, work, bench).await,
        None => Ok(()),
    }
}

/// Profiles the target on this bench, if that was asked for.
///
/// # Errors
/// See [`of_rounds`].
pub(crate) async fn window(rig: &mut Rig<'_>, stage: &Stage, work: &LoadWork, bench: &mut Bench) -> Result<(), Halt> {
    let Some(stacks) = rig.plan.profile else { return Ok(()) };
    rig.emit(Event::Doing("profiling; this window is not measured".to_owned()));
    let taken = taken(rig, stage, work, bench, stacks).await;
    into_record(rig, taken)
}

async fn taken(
    rig: &Rig<'_>,
    stage: &Stage,
    work: &LoadWork,
    bench: &mut Bench,
    stacks: Stacks,
) -> Result<Taken, Trouble> {
    let length = work.window.max(SHORTEST).min(LONGEST);
    let data = rig.site.scratch.join(format!("{}.perf", stage.name));
    let processes = bench.processes();
    bench.drive(&rig.interrupt, async |generator| generator.open(Arm::Proxied).await).await.map_err(stopped)?;
    let start_at = Mono::now().after(rig.lead());
    let warmup = work.warmup.minus(work.ramp).min(WARMUP);
    let order = TrialOrder { ramp: Nanos::ZERO, warmup, window: length, ..trial::order(work, Arm::Proxied, start_at) };
    let recording = record(&rig.site, stage, &data, (stacks, &processes), (start_at.after(warmup), length));
    let load = bench.drive(&rig.interrupt, async |generator| generator.trial(order, |_| {}).await);
    let (recorded, load): (_, Result<LoadFacts, Halt>) = tokio::join!(rig.interrupt.or(recording), load);
    recorded.map_err(stopped)??;
    // The results of the load are not used.
    load.map_err(stopped)?;
    let folded = rig.interrupt.or(perf::read(&rig.site, stage, &data)).await.map_err(stopped)??;
    // It may be large.
    drop(std::fs::remove_file(&data));
    perf::keep(rig.recorder.folder(), stage, &folded, (stacks, length))
}

/// Records the processes from `begin` on.
async fn record(
    site: &Site,
    stage: &Stage,
    data: &Path,
    (stacks, processes): (Stacks, &[i32]),
    (begin, length): (Mono, Nanos),
) -> Result<(), Trouble> {
    tokio::time::sleep(begin.remaining().duration()).await;
    let pids: Vec<String> = processes.iter().map(ToString::to_string).collect();
    let what = ["-p".to_owned(), pids.join(","), "--".to_owned(), "sleep".to_owned()];
    let seconds = format!("{:.3}", length.as_secs_f64());
    let words: Vec<String> = perf::recording(stacks, data).into_iter().chain(what).chain([seconds]).collect();
    let child = perf::perf(site, &format!("perf-{}", stage.name), &words, false)?;
    perf::ended(child, length.plus(PATIENCE), "cannot record").await
}
