//! Runs a command repeatedly.

mod process;

use std::cell::Cell;

use super::derive::{failed, is_success, succeeded};
use super::facts::{Instance, Stage as Facts, WarmUp};
use super::work::Work;
use crate::measure::audit::{Check, disturbances, run_disturbances};
use crate::measure::reason::Cause;
use crate::measure::trial::Build;
use crate::measure::{Ending, Failure, LaunchRecord, StageRecord, TimedRun};
use crate::run::builds::{builds, named};
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::launches::{self, Launching, cold};
use crate::run::profile::{self, Under};
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::exit::Exit;
use process::{Finished, Runs};

/// Size of a page of memory, in bytes.
const PAGE: u64 = 4096;
/// The stage ends if this many runs fail before one succeeds.
const FAILURES: u64 = 3;

/// Runs each build until `runs` of its runs were undisturbed, and records what each used.
///
/// # Errors
/// Returns [`Halt::Failed`] if the command cannot be started or no run succeeds, or [`Halt::Invalid`] if too many are disturbed.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    let runs = Runs::set_up(rig, stage, work)?;
    let facts = Facts { dropped: runs.check_cold()?, ..Facts::from(work) };
    rig.recorder.stage_facts(facts.clone());
    let state = State { runs, work, facts, failures: Cell::new(0), has_succeeded: Cell::new(false) };
    let warmups = state.warm_up(rig, stage).await?;
    let facts = Facts { warmups, ..state.facts.clone() };
    rig.recorder.stage_facts(facts.clone());
    let one = async |rig: &mut Rig<'_>, launching| state.measure(rig, stage, launching).await;
    let repeated = launches::repeat(rig, stage, work.runs, one).await;
    let failed_turns = rig.recorder.present_stage().map(failed_turns).unwrap_or_default();
    rig.recorder.stage_facts(Facts { failed_turns, ..facts });
    repeated?;
    let is_empty = |record: &StageRecord| succeeded(record).next().is_none();
    if rig.recorder.present_stage().is_none_or(is_empty) {
        return Err(without_success(work, Vec::new()));
    }
    let under = async |rig: &Rig<'_>, words: &[String], number: u64| state.under(rig, stage, (words, number)).await;
    profile::of_program(rig, stage, under).await
}

/// Lists the turns in which a run failed.
fn failed_turns(record: &StageRecord) -> Vec<u64> {
    let mut turns: Vec<u64> = failed(record).iter().map(|run| run.turn).collect();
    turns.dedup();
    turns
}

/// The state that the runs of a stage share.
struct State<'w> {
    runs: Runs,
    work: &'w Work,
    facts: Facts,
    /// Failed runs so far.
    failures: Cell<u64>,
    has_succeeded: Cell<bool>,
}

impl State<'_> {
    async fn warm_up(&self, rig: &mut Rig<'_>, stage: &Stage) -> Result<Vec<WarmUp>, Halt> {
        let mut warmups = Vec::new();
        for turn in 0..self.work.warmup_runs {
            for build in builds(stage, turn) {
                rig.emit(Event::Doing(format!("warm-up, {}", title(stage, *build, turn))));
                let name = format!("{}-warm-up-{}-{turn}", stage.name, build.name());
                let finished = self.one(rig, stage, *build, &name).await?;
                warmups.push(WarmUp { build: *build, wall_ns: finished.run.map(|run| run.wall_ns) });
            }
        }
        Ok(warmups)
    }

    /// Makes one run that is recorded, and returns the rules that it violated.
    async fn measure(&self, rig: &mut Rig<'_>, stage: &Stage, launching: Launching) -> Result<Vec<Check>, Halt> {
        let Launching { index, build, turn } = launching;
        rig.emit(Event::Doing(title(stage, build, turn)));
        let Finished { run, readings, .. } = self.one(rig, stage, build, &format!("{}-{index}", stage.name)).await?;
        let launch = launch_record(run.as_ref());
        rig.recorder.instance_begun(index, build, launch.clone(), stage.limits);
        rig.recorder.instance_facts(index, Instance { turn, run: run.clone(), readings: Some(readings.clone()) });
        rig.recorder.instance_ended(index, launch);
        let Some(run) = run else { return Ok(disturbances(&readings, &stage.audit)) };
        let fetched = run.fetched_bytes.filter(|_| !self.work.cold).map(|bytes| bytes / PAGE);
        Ok(run_disturbances(&run, &readings, &stage.audit).into_iter().chain(cold(launching, fetched)).collect())
    }

    /// Makes one run behind other words, which is not recorded.
    async fn under(&self, rig: &Rig<'_>, stage: &Stage, (words, number): (&[String], u64)) -> Result<Under, Halt> {
        let name = format!("{}-profiled-{number}", stage.name);
        let (ending, log) = self.runs.under(rig, stage, (&name, words)).await?;
        let permits = |code: i32| self.work.exit_codes.iter().any(|permitted| u64::try_from(code) == Ok(*permitted));
        let is_success = matches!(ending, Some(Ending::Code(code)) if permits(code));
        Ok(Under { ending, is_success, log })
    }

    async fn one(&self, rig: &mut Rig<'_>, stage: &Stage, build: Build, name: &str) -> Result<Finished, Halt> {
        let finished = self.runs.one(rig, stage, build, name).await.map_err(|halt| named(rig, stage, build, halt))?;
        if is_success(&self.facts, finished.run.as_ref()) {
            self.has_succeeded.set(true);
            return Ok(finished);
        }
        self.failures.set(self.failures.get() + 1);
        if self.has_succeeded.get() || self.failures.get() < FAILURES {
            return Ok(finished);
        }
        Err(named(rig, stage, build, without_success(self.work, finished.log)))
    }
}

/// Names a run in progress: counted from 1 for each build.
fn title(stage: &Stage, build: Build, turn: u64) -> String {
    let of = if stage.compared { format!(" of {}", build.name()) } else { String::new() };
    format!("run {}{of}", turn + 1)
}

fn launch_record(run: Option<&TimedRun>) -> LaunchRecord {
    let spawned = run.map(|run| run.begun).unwrap_or_default();
    LaunchRecord { spawned, attempts: 1, ending: run.map(|run| run.ending.clone()), ..LaunchRecord::default() }
}

/// Creates the failure of a command of which no run succeeds.
fn without_success(work: &Work, log: Vec<String>) -> Halt {
    let codes: Vec<String> = work.exit_codes.iter().map(ToString::to_string).collect();
    let message = format!(
        "no run ended with exit code {} within {}; permit other codes with exit_codes, or more time with time_limit",
        codes.join(" or "),
        work.time_limit
    );
    Halt::from(Failure::new(Cause::Error(vec![message]), Exit::TargetFailed).with_log(log))
}
