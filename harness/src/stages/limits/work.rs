//! Plans the curve: rounds with one set of limits after the other.

use super::facts::{Objective, Stage};
use crate::measure::facts::StageFacts;
use crate::measure::group::ResourceLimits;
use crate::work::load::LoadWork;
use crate::work::planned::StageWork;
use harness_base::units::Nanos;

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    pub cells: Vec<ResourceLimits>,
    /// The load, the same in each.
    pub load: LoadWork,
    /// The objective of the target.
    pub objective: Objective,
}

impl StageWork for Work {
    fn describe(&self) -> String {
        let Self { cells, load, objective } = self;
        let ends = cells.first().zip(cells.last());
        let ends = ends.map_or_else(String::new, |(first, last)| format!(" from {first} to {last}"));
        format!("{} sets of limits{ends}, in each {}; objective {objective}", cells.len(), load.describe())
    }

    fn duration(&self) -> Nanos {
        self.load.duration().times(self.cells.len() as u64)
    }

    fn shorten(&mut self) {
        self.load.shorten();
    }

    fn wanted(&self) -> u64 {
        self.load.rounds
    }

    fn load(&self) -> Option<&LoadWork> {
        Some(&self.load)
    }

    fn compares(&self) -> bool {
        false
    }

    fn limits_target(&self) -> bool {
        true
    }

    fn facts(&self) -> StageFacts {
        Stage { objective: self.objective }.into()
    }
}
