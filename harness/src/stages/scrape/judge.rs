//! Judges one value per instance, as the target reported it.

use super::derive::{asked, counted};
use crate::measure::metric::Metric;
use crate::measure::record::StageRecord;
use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging =
    Judging { noun: "instance", has_bottleneck: false, advisory: only_its_bucket_is_known, ..Judging::ROUNDS };

/// Explains that a quantile lies somewhere in its bucket.
fn only_its_bucket_is_known(metric: &Metric, stage: &StageRecord) -> Option<String> {
    let (place, asked) = asked(stage, metric.id)?;
    let mut within = counted(stage, place).filter_map(|(_, found)| asked.within(found));
    let first = within.next()?;
    let (lower, upper) =
        within.fold((first.lower, first.upper), |(low, high), one| (low.min(one.lower), high.max(one.upper)));
    let (lower, upper) = (metric.unit.show(lower), metric.unit.show(upper));
    Some(format!("interpolated: only its bucket is known, from {lower} to {upper}"))
}
