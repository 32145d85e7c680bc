//! What every stage works with.

use super::event::Event;
use super::interrupt::Interrupt;
use super::recorder::Recorder;
use crate::plan::Plan;
use harness_rig::target::Site;

/// The tools of a run.
pub(super) struct Rig<'a> {
    /// What is to be done.
    pub(super) plan: &'a Plan,
    /// With what processes are started.
    pub(super) site: Site,
    pub(super) interrupt: Interrupt,
    pub(super) recorder: Recorder,
    pub(super) cpus: f64,
    pub(super) events: &'a mut (dyn FnMut(Event) + Send),
}

impl Rig<'_> {
    pub(super) fn tell(&mut self, event: Event) {
        (self.events)(event);
    }
}
