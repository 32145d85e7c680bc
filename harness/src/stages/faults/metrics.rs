//! Defines the metrics of streams that are open when the target is stopped. The other faults have results, and no metrics.

use super::derive::streams_met;
use super::facts::StreamsMet;
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{ERRORS, LATENCY};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::{Millis, Percent};
use crate::measure::record::StageRecord;

pub(crate) const METRICS: &[Metric] = &[
    row("stream/stop_cut_percent", Percent, StageKind::Faults, &ERRORS, "Streams that were open when the target got SIGTERM and did not come to their own end ÷ all that were open. Absent without the fault `stop_streams`.", |stage| of(stage, |met| Some(met.lost() as f64 / met.open as f64 * 100.0))).exact(),
    row("stream/stop_last_end", Millis, StageKind::Faults, &LATENCY, "Time from SIGTERM to the end of the last stream that was open then, whether it came to its own end or not. Absent without the fault `stop_streams`.", |stage| of(stage, |met| Some(met.last_end_ns? as f64 / 1e6))),
];

pub(crate) const FACTS: &[Fact] = &[];

fn of(stage: &StageRecord, value: fn(&StreamsMet) -> Option<f64>) -> Values {
    let met = streams_met(stage).as_ref().and_then(value);
    met.map(|value| vec![value]).ok_or_else(|| Absent("no stream was open when the target was stopped".to_owned()))
}
