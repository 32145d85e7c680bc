//! Plans the rounds of a closed loop.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::work::load::LoadWork;
use crate::work::planned::StageWork;
use harness_base::units::Nanos;

#[derive(Debug, Clone, PartialEq)]
pub struct Work(pub LoadWork);

impl StageWork for Work {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn duration(&self) -> Nanos {
        self.0.duration()
    }

    fn shorten(&mut self) {
        self.0.shorten();
    }

    fn wanted(&self) -> u64 {
        self.0.rounds
    }

    fn load(&self) -> Option<&LoadWork> {
        Some(&self.0)
    }

    fn rounds(&self) -> Option<&LoadWork> {
        Some(&self.0)
    }

    fn rounds_mut(&mut self) -> Option<&mut LoadWork> {
        Some(&mut self.0)
    }

    fn is_profiled(&self) -> bool {
        true
    }

    fn facts(&self) -> StageFacts {
        Stage::default().into()
    }
}
