//! Splits a record of two builds: returns the record of each as if it had been measured alone.

use super::record::{InstanceRecord, Record, StageRecord};
use super::trial::Build;

impl Record {
    /// Returns whether a base was measured together with the head, interleaved with it.
    pub fn is_compared(&self) -> bool {
        self.targets.iter().any(|target| target.build == Build::Base)
    }

    /// Returns the record as if `build` had been measured alone. The n-th valid round (or launch) of the base and that
    /// of the head in the same stage form a pair, so that per-round values can be paired by their order.
    pub fn of_build(&self, build: Build) -> Self {
        let facts = self.targets.iter().find(|target| target.build == build).cloned();
        let size = facts.as_ref().and_then(|facts| facts.size_bytes.filter(|_| !facts.builtin));
        let stage = |stage: &StageRecord| {
            let instances: Vec<InstanceRecord> =
                stage.instances.iter().filter(|instance| instance.build == build).cloned().collect();
            StageRecord { instances, facts: stage.facts.of_build(build, size), ..stage.clone() }
        };
        Self { targets: facts.into_iter().collect(), stages: self.stages.iter().map(stage).collect(), ..self.clone() }
    }
}
