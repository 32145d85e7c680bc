//! Provides what every stage needs while it runs.

use super::event::Event;
use super::interrupt::Interrupt;
use super::recorder::Recorder;
use super::scraped::Scraped;
use super::turn::Turn;
use crate::plan::Plan;
use harness_rig::target::Site;

/// The tools that stages use.
pub(crate) struct Rig<'a> {
    /// The plan of the run.
    pub(crate) plan: &'a Plan,
    /// The means to start processes.
    pub(crate) site: Site,
    pub(crate) interrupt: Interrupt,
    pub(crate) recorder: Recorder,
    pub(crate) cpus: f64,
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
}
