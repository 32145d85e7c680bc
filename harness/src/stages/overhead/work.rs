//! Plans the rounds of both arms at one arrival rate.

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

    fn runs_on_fleet(&self) -> bool {
        true
    }

    fn runs_in_pod(&self) -> bool {
        true
    }

    fn resolves(&self) -> Option<&'static str> {
        Some("overhead/latency_p50")
    }

    fn facts(&self) -> StageFacts {
        Stage::default().into()
    }
}
