//! Plans the rounds of a closed loop.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::work::load::LoadWork;
use crate::work::planned::RoundsWork;

#[derive(Debug, Clone, PartialEq)]
pub struct Work(pub LoadWork);

impl RoundsWork for Work {
    fn load(&self) -> &LoadWork {
        &self.0
    }

    fn load_mut(&mut self) -> &mut LoadWork {
        &mut self.0
    }

    fn facts(&self) -> StageFacts {
        Stage::default().into()
    }
}
