//! Judges one value per launch, and counts the requests that failed.

use super::derive::{facts, of_launch};
use super::facts::Stage;
use crate::measure::record::StageRecord;
use crate::verdict::judgement::target::TargetErrors;
use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging = Judging { has_bottleneck: false, errors, ..Judging::LAUNCHES };

/// Counts the requests that failed.
fn errors(stage: &StageRecord) -> Option<TargetErrors> {
    let Stage { failed_limit, .. } = facts(stage)?;
    let launches = stage.counted_launches().filter_map(of_launch);
    TargetErrors::of_launches(launches.map(|launch| (&launch.outcomes, launch.example.as_ref())), *failed_limit)
}
