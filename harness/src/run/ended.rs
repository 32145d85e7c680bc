//! Creates the record of a stage, and decides what its end means.

use super::halt::Halt;
use crate::measure::{StageRecord, StageStatus};
use crate::plan::Plan;
use crate::work::Stage;

/// Returns the record of a stage that has not begun.
pub(super) fn record(plan: &Plan, stage: &Stage) -> StageRecord {
    let work = stage.work.planned();
    StageRecord {
        name: stage.name.clone(),
        cell: plan.matrix.cell(&stage.name).map(|cell| cell.facts.clone()),
        facts: work.facts(),
        optional: stage.optional,
        offered: work.load().map(|load| load.pace),
        upstream_delay_ns: stage.upstream.as_ref().and_then(|upstream| upstream.delay()).map(|delay| delay.0),
        limits: Some(stage.limits).filter(|limits| !limits.is_empty()),
        network: Some(stage.network).filter(|network| !network.is_empty()),
        wanted: work.wanted(),
        ..StageRecord::default()
    }
}

/// Returns the status of a stage that ended, and whether the run goes on.
pub(super) fn status(stage: &Stage, ended: Result<(), Halt>) -> (StageStatus, bool) {
    match ended {
        Ok(()) => (StageStatus::Valid, true),
        Err(Halt::Invalid(reasons)) => (StageStatus::Invalid(reasons), true),
        Err(Halt::Failed(failure)) if stage.optional => (StageStatus::Skipped(*failure), true),
        Err(Halt::Failed(failure)) => (StageStatus::Failed(*failure), false),
        Err(Halt::Interrupted) => (StageStatus::Incomplete, false),
    }
}
