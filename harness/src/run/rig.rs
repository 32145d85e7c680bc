//! What every stage works with.

use super::event::Event;
use super::interrupt::Interrupt;
use super::recorder::Recorder;
use crate::plan::Plan;
use harness_rig::target::Site;

/// The tools of a run.
pub(crate) struct Rig<'a> {
    /// What is to be done.
    pub(crate) plan: &'a Plan,
    /// With what processes are started.
    pub(crate) site: Site,
    pub(crate) interrupt: Interrupt,
    pub(crate) recorder: Recorder,
    pub(crate) cpus: f64,
    pub(crate) events: &'a mut (dyn FnMut(Event) + Send),
}

impl Rig<'_> {
    pub(crate) fn tell(&mut self, event: Event) {
        (self.events)(event);
    }
}
