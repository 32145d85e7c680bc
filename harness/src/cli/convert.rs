//! Converts arguments to the types of plan and verdict.

use super::args::{self, FailOn};
use super::error::Error;
use crate::measure::profile::Stacks;
use crate::plan::{self, Plan};
use crate::scenario::Scenario;
use crate::verdict;

/// Plans a scenario with the selection of the command line.
pub(super) fn plan(scenario: &Scenario, selection: &args::Selection) -> Result<Plan, Error> {
    let options = plan::Options { quick: selection.quick, stages: selection.stage.clone() };
    Plan::new(scenario, &options).map_err(|error| Error::input(&error))
}

/// Converts `--profile`.
pub(super) const fn stacks(wanted: args::Stacks) -> Stacks {
    match wanted {
        args::Stacks::Dwarf => Stacks::Dwarf,
        args::Stacks::Fp => Stacks::Fp,
    }
}

/// Converts `--fail-on`.
pub(super) const fn fail_on(wanted: Option<FailOn>) -> verdict::FailOn {
    match wanted {
        None | Some(FailOn::Block) => verdict::FailOn::Block,
        Some(FailOn::Alert) => verdict::FailOn::Alert,
        Some(FailOn::Inconclusive) => verdict::FailOn::Inconclusive,
    }
}
