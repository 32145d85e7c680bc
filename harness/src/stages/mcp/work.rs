//! Plans rounds of both arms with agents.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::work::load::LoadWork;
use crate::work::planned::RoundsWork;
use harness_load::mcp::workload::Revision;

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    pub load: LoadWork,
    /// What the agents speak.
    pub revision: Revision,
}

impl RoundsWork for Work {
    fn load(&self) -> &LoadWork {
        &self.load
    }

    fn load_mut(&mut self) -> &mut LoadWork {
        &mut self.load
    }

    fn resolves(&self) -> Option<&'static str> {
        self.load.paired.then_some("overhead/mcp_p50")
    }

    fn facts(&self) -> StageFacts {
        Stage { revision: self.revision }.into()
    }
}
