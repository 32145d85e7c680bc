//! What every stage works with.

use super::event::Event;
use super::interrupt::Interrupt;
use super::recorder::Recorder;
use crate::plan::Plan;
use crate::target::Site;

/// The tools of a run.
pub(super) struct Rig<'a> {
    /// What is to be done.
    pub(super) plan: &'a Plan,
    /// With what processes are started.
    pub(super) site: Site,
    /// Whether to stop.
    pub(super) interrupt: Interrupt,
    /// Who writes down.
    pub(super) recorder: Recorder,
    /// CPUs of the host.
    pub(super) cpus: f64,
    /// Who watches.
    pub(super) events: &'a mut (dyn FnMut(Event) + Send),
}

impl Rig<'_> {
    /// Tells those who watch.
    pub(super) fn tell(&mut self, event: Event) {
        (self.events)(event);
    }
}
