//! Plans the launches and windows of an idle stage.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::work::load::LAUNCH;
use crate::work::planned::{StageWork, too_few_launches};
use harness_base::units::Nanos;

/// Launches and durations of `--quick`. A launch takes long in this stage, so the stage has no interval then.
const QUICK_LAUNCHES: u64 = 2;
const QUICK_PART: Nanos = Nanos::from_millis(300);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Fresh starts of the target; one value each.
    pub launches: u64,
    /// Time between ready and the window.
    pub settle: Nanos,
    pub window: Nanos,
}

impl StageWork for Work {
    fn describe(&self) -> String {
        let Self { launches, settle, window } = self;
        format!("{launches} launches, each settles {} and is watched {}", settle.notation(), window.notation())
    }

    fn duration(&self) -> Nanos {
        LAUNCH.plus(self.settle).plus(self.window).times(self.launches)
    }

    fn shorten(&mut self) {
        self.launches = self.launches.min(QUICK_LAUNCHES);
        self.settle = self.settle.min(QUICK_PART);
        self.window = self.window.min(QUICK_PART);
    }

    fn runs_in_pod(&self) -> bool {
        true
    }

    fn wanted(&self) -> u64 {
        self.launches
    }

    fn too_few(&self, stage: &str) -> Option<String> {
        too_few_launches(stage, self.launches)
    }

    fn facts(&self) -> StageFacts {
        Stage::default().into()
    }
}
