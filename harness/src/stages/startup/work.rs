//! Plans the launches of a startup stage.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::work::load::{FEWEST_ROUNDS, LAUNCH};
use crate::work::planned::{StageWork, too_few_launches};
use harness_base::units::Nanos;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Fresh starts of the target; one value each.
    pub launches: u64,
}

impl StageWork for Work {
    fn describe(&self) -> String {
        format!("{} launches", self.launches)
    }

    fn duration(&self) -> Nanos {
        LAUNCH.times(self.launches)
    }

    /// Keeps enough launches for a 95 % interval.
    fn shorten(&mut self) {
        self.launches = self.launches.min(FEWEST_ROUNDS);
    }

    fn reads_on_launch(&self) -> bool {
        true
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
