//! Judges one value per launch, and counts the requests that failed.

use super::derive::{facts, of_launch};
use super::facts::Stage;
use crate::measure::Outcomes;
use crate::measure::record::StageRecord;
use crate::verdict::judgement::target::TargetErrors;
use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging = Judging { has_bottleneck: false, errors, ..Judging::LAUNCHES };

/// Counts the requests that failed.
fn errors(stage: &StageRecord) -> Option<TargetErrors> {
    let Stage { failed_limit, .. } = facts(stage)?;
    let mut errors = Outcomes::default();
    let launches = || stage.counted_launches().filter_map(of_launch);
    launches().for_each(|launch| errors.merge(&launch.outcomes));
    let example = launches().find_map(|launch| launch.example.clone());
    let requests = errors.total();
    (errors.errors() > 0).then_some(TargetErrors { requests, errors, limit: *failed_limit, first_ns: None, example })
}
