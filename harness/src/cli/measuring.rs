//! Runs plans one after the other: a run, its retries, and the reruns that confirm a block.

use tokio::runtime::{Builder, Runtime};

use super::error::Error;
use crate::measure::Record;
use crate::measure::record::Retry;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::run::{self, Around, Home, Interrupt, Kept};
use harness_fleet::secret::HUB_VARIABLE;
use harness_rig::cgroup::ProcessLimit;
use harness_rig::netem::Netem;
use harness_rig::{environment, keeper};

/// State that all runs of one command share: an interrupt between two of them also stops the next one.
#[derive(Debug)]
pub(super) struct Measuring {
    runtime: Runtime,
    interrupt: Interrupt,
    /// The network namespace of this process, if netem makes paths of the plan.
    netem: Option<Netem>,
    quiet: bool,
    /// The nodes that others have started, between two runs; absent if they leave after a run.
    kept: Option<Kept>,
}

impl Measuring {
    /// Prepares this process as [`begin`] does, in a network namespace of its own if netem makes paths of the plan, with the variables that the
    /// plan uses; `quiet` suppresses progress.
    ///
    /// # Errors
    /// As [`begin`], and if netem cannot be used.
    pub(super) fn begin(plan: &Plan, quiet: bool) -> Result<Self, Error> {
        if !plan.is_repeatable() {
            environment::hold(HUB_VARIABLE);
        }
        let netem = run::enter(plan).map_err(|error| Error::tooling(&error))?;
        let (runtime, interrupt) = begin(plan.variables())?;
        Ok(Self { runtime, interrupt, netem, quiet, kept: None })
    }

    /// Keeps the nodes that others start for the plan until [`Measuring::release`], so that it can run again.
    pub(super) fn keeping_nodes(self, plan: &Plan) -> Self {
        Self { kept: (!plan.is_repeatable()).then(Kept::default), ..self }
    }

    /// Returns whether the plan can run again now.
    pub(super) fn may_repeat(&self, plan: &Plan) -> bool {
        plan.is_repeatable() || self.kept.as_ref().is_some_and(Kept::is_ready)
    }

    /// Ends the nodes that were kept.
    pub(super) fn release(&self) {
        if let Some(kept) = &self.kept {
            self.runtime.block_on(kept.end());
        }
    }

    /// Runs the plan under the lock of this host; `retries` are the previous attempts.
    pub(super) fn run(&self, plan: &Plan, home: &Home, retries: &[Retry]) -> Result<Record, Error> {
        let name = match retries.len() {
            0 => plan.scenario.name.clone(),
            before => format!("{}, attempt {}", plan.scenario.name, before + 1),
        };
        let mut progress = Progress::new(&name, plan.expected_duration(), self.quiet);
        plan.cells().into_iter().for_each(|cells| progress.print(cells));
        let show = &mut |event| progress.show(event);
        let around = Around { retries, kept: self.kept.as_ref(), netem: self.netem.clone() };
        let record = self.runtime.block_on(run::execute(plan, home, around, self.interrupt.clone(), show));
        progress.finish();
        record.map_err(|error| Error::tooling(&error))
    }

    /// Returns whether the command was interrupted.
    pub(super) fn is_interrupted(&self) -> bool {
        // A signal that arrived between two runs is handled now.
        self.runtime.block_on(async { tokio::task::yield_now().await });
        self.interrupt.requested()
    }
}

/// Forgets the secrets in the environment but the `used` variables, starts listening for interrupts, and adopts the orphans of a keeper that
/// is killed.
///
/// # Errors
/// Returns an error if a limit on processes is too small to start anything.
pub(super) fn begin(used: impl IntoIterator<Item = String>) -> Result<(Runtime, Interrupt), Error> {
    enough_processes(ProcessLimit::of_self().as_ref())?;
    environment::forget_secrets(used).map_err(|error| Error::tooling(&error))?;
    keeper::adopt_orphans().map_err(|error| Error::tooling(&error))?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| Error::tooling(&error))?;
    let interrupt = runtime.block_on(async { Interrupt::listen() }).map_err(|error| Error::tooling(&error))?;
    Ok((runtime, interrupt))
}

/// Processes and threads that a run needs at least: control with its threads, keeper, generator, upstream and a small target.
const PROCESSES: u64 = 24;

/// A control group permits too few processes. A thread that cannot be created would end the run somewhere in the middle.
#[derive(Debug, thiserror::Error)]
#[error(
    "the control group {group} permits {left} more processes and threads ({most} in all), and a run needs at least {PROCESSES}; raise its limit, for \
     example with: echo {} > {group}/pids.max", most + PROCESSES
)]
struct FewProcesses {
    group: String,
    most: u64,
    left: u64,
}

fn enough_processes(limit: Option<&ProcessLimit>) -> Result<(), Error> {
    let Some(limit) = limit.filter(|limit| limit.left < PROCESSES) else { return Ok(()) };
    let group = limit.group.display().to_string();
    Err(Error::tooling(&FewProcesses { group, most: limit.most, left: limit.left }))
}
