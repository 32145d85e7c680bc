//! Checks a record: each stage of the result states whether it is valid.

use std::borrow::Cow;

use super::stage::judging;
use crate::measure::Reason;
use crate::measure::record::{Record, StageRecord, StageStatus};

/// Returns the record with every meaningless stage marked INVALID, although it ran to its end.
pub(super) fn checked(record: &Record) -> Cow<'_, Record> {
    let flaws = |stage: &StageRecord| (judging(stage.kind()).flaws)(stage);
    let flawed = |stage: &StageRecord| stage.status == StageStatus::Valid && !flaws(stage).is_empty();
    if !record.stages.iter().any(flawed) {
        return Cow::Borrowed(record);
    }
    let mut record = record.clone();
    for stage in record.stages.iter_mut().filter(|stage| flawed(stage)) {
        stage.status = StageStatus::Invalid(flaws(stage).into_iter().map(Reason::from).collect());
    }
    Cow::Owned(record)
}
