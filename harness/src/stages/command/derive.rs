//! Selects the runs of a stage that succeeded and those that failed.

use super::facts::{Instance, Stage};
use crate::measure::facts::{InstanceFacts, StageFacts};
use crate::measure::record::StageRecord;
use harness_rig::launch::Ending;
use harness_rig::stopwatch::TimedRun;

/// Returns the facts of a stage; `None` for a stage of another kind.
pub(crate) const fn facts(stage: &StageRecord) -> Option<&Stage> {
    match &stage.facts {
        StageFacts::Command(facts) => Some(facts),
        _ => None,
    }
}

/// Iterates over the runs that the host did not disturb.
pub(crate) fn counted(stage: &StageRecord) -> impl Iterator<Item = &Instance> {
    stage.counted_launches().filter_map(|instance| match &instance.facts {
        InstanceFacts::Command(facts) => Some(facts),
        _ => None,
    })
}

/// Iterates over the runs whose values count: in two builds, both runs of the turn succeeded.
pub(crate) fn succeeded(stage: &StageRecord) -> impl Iterator<Item = &TimedRun> {
    let failed = facts(stage).map_or(&[][..], |facts| &facts.failed_turns);
    counted(stage).filter(|run| !failed.contains(&run.turn)).filter_map(|run| run.run.as_ref())
}

/// Returns whether a run ended as expected.
pub(crate) fn is_success(stage: &Stage, run: Option<&TimedRun>) -> bool {
    let code = match run.map(|run| &run.ending) {
        Some(Ending::Code(code)) => u64::try_from(*code).ok(),
        _ => None,
    };
    code.is_some_and(|code| stage.exit_codes.contains(&code))
}

/// Lists the runs that did not end as expected.
pub(crate) fn failed(stage: &StageRecord) -> Vec<&Instance> {
    let Some(facts) = facts(stage) else { return Vec::new() };
    counted(stage).filter(|run| !is_success(facts, run.run.as_ref())).collect()
}
