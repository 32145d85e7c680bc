//! Defines the metric of a search: its answer.

use super::derive;
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{Measure, THROUGHPUT, USERS};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::{self, Count, PerSecond};
use crate::measure::record::StageRecord;

pub(crate) const METRICS: &[Metric] = &[
    answer(
        "search/rate",
        PerSecond,
        &THROUGHPUT,
        "The highest arrival rate that keeps the objective: the middle of the interval, whose ends are the highest rate that keeps it and the lowest that does not. Absent if generator, upstream or host limit the rate, or if the search found only one end, see [search](search.md).",
    ),
    answer(
        "search/users",
        Count,
        &USERS,
        "The highest number of users of a closed loop that keeps the objective, likewise; absent unless the search is of users.",
    ),
];

const fn answer(id: &'static str, unit: Unit, bencher: &'static Measure, about: &'static str) -> Metric {
    row(id, unit, StageKind::Search, bencher, about, ends).key().higher().trend()
}

pub(crate) const FACTS: &[Fact] = &[];

/// Returns both ends of the answer.
fn ends(stage: &StageRecord) -> Values {
    let found = derive::ends(stage);
    let both = found.low.zip(found.high).map(|(low, high)| vec![low, high]);
    both.ok_or_else(|| Absent("the search found no two ends".to_owned()))
}
