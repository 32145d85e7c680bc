//! Plans the cells of a matrix: stages that differ in the values of some keys, and whose instances take turns.

use crate::measure::cell::CellFacts;
use harness_base::units::Nanos;
use harness_rig::target::spec::Spec as TargetSpec;

/// The cells of all stages whose values vary.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    /// How long the cells may take together; absent if their stages state their rounds.
    pub budget: Option<Nanos>,
    /// In the order of their stages.
    pub cells: Vec<Cell>,
}

/// One combination of values of one stage.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The name of its planned stage.
    pub name: String,
    pub facts: CellFacts,
    /// Its targets, if keys of the target vary.
    pub targets: Option<Targets>,
}

/// The targets of a cell.
#[derive(Debug, Clone)]
pub struct Targets {
    pub head: TargetSpec,
    pub base: Option<TargetSpec>,
}

impl Matrix {
    /// Returns the cell that a planned stage is; `None` for a stage that the scenario names.
    pub fn cell(&self, stage: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.name == stage)
    }

    /// Returns the stage of the scenario that a planned stage belongs to: itself, unless it is a cell.
    pub fn stage_of<'a>(&'a self, stage: &'a str) -> &'a str {
        self.cell(stage).map_or(stage, |cell| &cell.facts.stage)
    }

    /// Iterates over the targets of the cells that have their own.
    pub fn targets(&self) -> impl Iterator<Item = &TargetSpec> {
        let targets = self.cells.iter().filter_map(|cell| cell.targets.as_ref());
        targets.flat_map(|targets| [Some(&targets.head), targets.base.as_ref()]).flatten()
    }
}
