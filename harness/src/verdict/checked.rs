//! Checks a record: each stage of the result states whether it is valid.

use std::borrow::Cow;

use super::stage::judging;
use super::{blank, saturation, selection};
use crate::measure::Reason;
use crate::measure::record::{Record, StageRecord, StageStatus};

/// Returns the record with every meaningless stage marked INVALID, although it ran to its end.
pub(super) fn checked(record: &Record) -> Cow<'_, Record> {
    let flaws = |stage: &StageRecord| {
        let of_load = blank::flaw(stage).into_iter().chain(selection::flaw(stage));
        let flaws = (judging(stage.kind()).flaws)(stage).into_iter().chain(of_load).map(Reason::from);
        flaws.chain(saturation::reasons(stage)).collect::<Vec<_>>()
    };
    let flawed = |stage: &StageRecord| stage.status == StageStatus::Valid && !flaws(stage).is_empty();
    if !record.stages.iter().any(flawed) {
        return Cow::Borrowed(record);
    }
    let mut record = record.clone();
    for stage in record.stages.iter_mut().filter(|stage| flawed(stage)) {
        stage.status = StageStatus::Invalid(flaws(stage));
    }
    Cow::Owned(record)
}
