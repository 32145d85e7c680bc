//! Plans rounds of transfers.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::work::load::LoadWork;
use crate::work::planned::RoundsWork;

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    pub load: LoadWork,
    /// What is transferred.
    pub facts: Stage,
}

impl RoundsWork for Work {
    fn load(&self) -> &LoadWork {
        &self.load
    }

    fn load_mut(&mut self) -> &mut LoadWork {
        &mut self.load
    }

    fn facts(&self) -> StageFacts {
        self.facts.into()
    }
}
