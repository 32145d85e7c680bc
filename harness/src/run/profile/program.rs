//! Profiles a program that runs to its end, in additional runs under `perf`. They contribute to no number.

use super::perf::{self, PERF, Trouble, into_record, stopped};
use crate::measure::Ending;
use crate::measure::profile::{Stacks, Taken};
use crate::run::event::Event;
use crate::run::flame::Folded;
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// Runs are repeated until they have taken this long.
const SHORTEST: Nanos = Nanos::from_secs(2);
/// The most runs.
const MOST: u64 = 20;

/// How one run under perf ended.
pub(crate) struct Under {
    /// Absent if it was stopped at its time limit.
    pub(crate) ending: Option<Ending>,
    /// Whether a run may end so.
    pub(crate) is_success: bool,
    /// The last lines that perf and the program printed.
    pub(crate) log: Vec<String>,
}

/// Profiles a program, if that was asked for. `run` starts it behind the words that it is given, and waits for its end; the second argument is
/// the number of the run, from 0.
///
/// # Errors
/// Returns [`Halt::Interrupted`]. All other failures are recorded as a reason.
pub(crate) async fn of_program(
    rig: &mut Rig<'_>,
    stage: &Stage,
    run: impl AsyncFn(&Rig<'_>, &[String], u64) -> Result<Under, Halt>,
) -> Result<(), Halt> {
    let Some(stacks) = rig.plan.profile else { return Ok(()) };
    rig.emit(Event::Doing("profiling; these runs are not measured".to_owned()));
    let taken = taken(rig, stage, stacks, run).await;
    into_record(rig, taken)
}

async fn taken(
    rig: &Rig<'_>,
    stage: &Stage,
    stacks: Stacks,
    run: impl AsyncFn(&Rig<'_>, &[String], u64) -> Result<Under, Halt>,
) -> Result<Taken, Trouble> {
    if !perf::is_found(&rig.plan.folder) {
        return Err(Trouble::Missing);
    }
    let data = rig.site.scratch.join(format!("{}.perf", stage.name));
    let words: Vec<String> =
        [PERF.to_owned()].into_iter().chain(perf::recording(stacks, &data)).chain(["--".to_owned()]).collect();
    let (mut all, mut took) = (Folded::default(), Nanos::ZERO);
    for number in 0..MOST {
        let begun = Mono::now();
        let under = run(rig, &words, number).await.map_err(stopped)?;
        took = took.plus(Mono::now().since(begun));
        if !under.is_success {
            return Err(failed(&under));
        }
        all.add(rig.interrupt.or(perf::read(&rig.site, stage, &data)).await.map_err(stopped)??);
        // It may be large.
        drop(std::fs::remove_file(&data));
        if took >= SHORTEST {
            break;
        }
    }
    perf::keep(rig.recorder.folder(), stage, &all, (stacks, took))
}

/// Returns why a run under perf failed: perf ends with the exit code of the program, or with its own.
fn failed(under: &Under) -> Trouble {
    let how = under.ending.as_ref().map_or_else(|| "did not end in time".to_owned(), ToString::to_string);
    let message = format!("it {how}, saying: {}", under.log.join(" "));
    Trouble::Refused { doing: "cannot record", message, level: perf::level() }
}
