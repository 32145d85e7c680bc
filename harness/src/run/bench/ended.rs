//! The last facts of a bench that was stopped.

use crate::measure::trial::Build;
use crate::measure::{LaunchRecord, Warning};
use crate::run::rig::Rig;
use harness_base::units::Nanos;
use harness_rig::sampler::{Cost, Window};

/// A bench that was stopped, and its last facts.
pub(super) struct Ended {
    pub(super) index: u32,
    pub(super) launch: LaunchRecord,
    pub(super) cost: Cost,
    /// Readings of the window of an incomplete trial.
    pub(super) cut_short: Option<Window>,
    pub(super) of_two: Option<Build>,
    /// What the foreign hosts refused.
    pub(super) warnings: Vec<Warning>,
}

impl Ended {
    pub(super) fn record(self, rig: &mut Rig<'_>, patience: Nanos) {
        rig.recorder.sampler(self.cost.cpu, self.cost.ran);
        if let Some(window) = self.cut_short {
            rig.recorder.last_readings(self.index, window.readings);
        }
        if self.launch.killed && !rig.interrupt.requested() {
            rig.recorder.warn(Warning::IgnoredSigterm { build: self.of_two, patience_ns: patience.0 });
        }
        self.warnings.into_iter().for_each(|warning| rig.recorder.warn(warning));
        rig.recorder.instance_ended(self.index, self.launch);
    }
}
