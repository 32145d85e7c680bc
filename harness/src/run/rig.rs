//! Provides what every stage needs while it runs.

use std::sync::Arc;

use super::event::Event;
use super::fleet::Fleet;
use super::interrupt::Interrupt;
use super::recorder::Recorder;
use super::scraped::Scraped;
use super::turn::Turn;
use crate::plan::Plan;
use harness_base::units::Nanos;
use harness_rig::netem::Netem;
use harness_rig::target::Site;

/// Time between the order and the start of a trial, so that all processes are ready.
const LEAD: Nanos = Nanos::from_millis(10);

/// The tools that stages use.
pub(crate) struct Rig<'a> {
    /// The plan of the run.
    pub(crate) plan: &'a Plan,
    /// The means to start processes.
    pub(crate) site: Site,
    pub(crate) interrupt: Interrupt,
    /// The network namespace of the run; absent without netem.
    pub(crate) netem: Option<Netem>,
    pub(crate) recorder: Recorder,
    pub(crate) cpus: f64,
    /// The nodes that send the load; absent for a process of this machine.
    pub(crate) fleet: Option<Arc<Fleet>>,
    /// What targets reported of themselves, until the stage that describes it records it.
    pub(crate) scraped: Vec<Scraped>,
    /// The turn of the cell that runs; absent in a stage that is not a cell.
    pub(crate) turn: Option<Turn>,
    pub(crate) events: &'a mut (dyn FnMut(Event) + Send),
}

impl Rig<'_> {
    pub(crate) fn emit(&mut self, event: Event) {
        (self.events)(event);
    }

    /// Returns the time between the order and the start of a trial.
    pub(crate) const fn lead(&self) -> Nanos {
        if self.fleet.is_some() { harness_fleet::LEAD } else { LEAD }
    }
}
