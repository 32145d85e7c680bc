//! Runs plans one after the other: a run, its retries, and the reruns that confirm a block.

use tokio::runtime::{Builder, Runtime};

use super::error::Error;
use crate::measure::Record;
use crate::measure::record::Retry;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::run::{self, Home, Interrupt};
use harness_rig::{environment, keeper};

/// State that all runs of one command share: an interrupt between two of them also stops the next one.
#[derive(Debug)]
pub(super) struct Measuring {
    runtime: Runtime,
    interrupt: Interrupt,
    quiet: bool,
}

impl Measuring {
    /// Forgets the secrets in the environment but what the plan uses, starts listening for interrupts, and adopts the orphans of a keeper that is killed; `quiet` suppresses progress.
    pub(super) fn begin(plan: &Plan, quiet: bool) -> Result<Self, Error> {
        environment::forget_secrets(plan.variables()).map_err(|error| Error::tooling(&error))?;
        keeper::adopt_orphans().map_err(|error| Error::tooling(&error))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| Error::tooling(&error))?;
        let interrupt = runtime.block_on(async { Interrupt::listen() }).map_err(|error| Error::tooling(&error))?;
        Ok(Self { runtime, interrupt, quiet })
    }

    /// Runs the plan under the lock of this host; `retries` are the previous attempts.
    pub(super) fn run(&self, plan: &Plan, home: &Home, retries: &[Retry]) -> Result<Record, Error> {
        let name = match retries.len() {
            0 => plan.scenario.name.clone(),
            before => format!("{}, attempt {}", plan.scenario.name, before + 1),
        };
        let mut progress = Progress::new(&name, plan.expected_duration(), self.quiet);
        let show = &mut |event| progress.show(event);
        let record = self.runtime.block_on(run::execute(plan, home, retries, self.interrupt.clone(), show));
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
