//! Defines the metric of a search: its answer.

use super::derive;
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::THROUGHPUT;
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::PerSecond;
use crate::measure::record::StageRecord;

pub(crate) const METRICS: &[Metric] = &[row(
    "search/rate",
    PerSecond,
    StageKind::Search,
    &THROUGHPUT,
    "The highest arrival rate that keeps the objective: the middle of the interval, whose ends are the highest rate that keeps it and the lowest that does not. Absent if generator, upstream or host limit the rate, or if the search found only one end, see [search](search.md).",
    ends,
)
.key()
.higher()
.trend()];

pub(crate) const FACTS: &[Fact] = &[];

/// Returns both ends of the answer.
fn ends(stage: &StageRecord) -> Values {
    let found = derive::ends(stage);
    let both = found.low.zip(found.high).map(|(low, high)| vec![low, high]);
    both.ok_or_else(|| Absent("the search found no two ends".to_owned()))
}
