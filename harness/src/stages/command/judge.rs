//! Judges one value per run, and counts the runs that failed.

use super::derive::{counted, facts, failed};
use crate::measure::record::StageRecord;
use crate::verdict::judgement::target::FailedRuns;
use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging = Judging { noun: "run", has_bottleneck: false, failed_runs, ..Judging::LAUNCHES };

fn failed_runs(stage: &StageRecord) -> Option<FailedRuns> {
    let failed = failed(stage);
    let first = failed.first()?;
    Some(FailedRuns {
        failed: failed.len() as u64,
        of: counted(stage).count() as u64,
        limit: facts(stage)?.failed_limit,
        ending: first.run.as_ref().map(|run| run.ending.clone()),
    })
}
