//! Defines the metrics of open sessions and streams.

use super::derive::{FEWEST_STEPS, Quantity, descriptors_left, facts, line, memory, of_launch, reclaimed_percent};
use super::facts::Held;
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{ACHIEVED, COUNT_GROWTH, ERRORS, MEMORY};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::{Bytes, Count, Percent};
use crate::measure::metric::values::{failed_percent, per_launch};
use crate::measure::record::StageRecord;

pub(crate) const METRICS: &[Metric] = &[
    row("memory/per_session_bytes", Bytes, StageKind::Sessions, &MEMORY, "Memory of the target for each open session: the slope of a straight line through the steps of a launch, one value per launch. RSS, or PSS of a tree of several processes. Contains the share of a connection that the session has.", |stage| slope(stage, Held::Sessions, memory)).key(),
    row("memory/per_stream_bytes", Bytes, StageKind::Sessions, &MEMORY, "The same for each open stream.", |stage| slope(stage, Held::Streams, memory)).key(),
    row("memory/per_request_bytes", Bytes, StageKind::Sessions, &MEMORY, "The same for each request whose body is under way.", |stage| slope(stage, Held::Requests, memory)).key(),
    row("descriptors/per_session", Count, StageKind::Sessions, &COUNT_GROWTH, "Open descriptors of the target for each session or stream, a slope like that of memory.", |stage| any_slope(stage, |level| level.descriptors)).key(),
    row("threads/per_session", Count, StageKind::Sessions, &COUNT_GROWTH, "Threads of the target for each session or stream.", |stage| any_slope(stage, |level| level.threads)),
    row("processes/per_session", Count, StageKind::Sessions, &COUNT_GROWTH, "Processes of the target for each session or stream.", |stage| any_slope(stage, |level| level.processes)),
    row("sessions/reclaimed_percent", Percent, StageKind::Sessions, &ACHIEVED, "Memory that the target has released `wait` after the end of all sessions, streams or requests ÷ the memory that they had added.", reclaimed).key().higher(),
    row("descriptors/left", Count, StageKind::Sessions, &COUNT_GROWTH, "Descriptors of the target that are open `wait` after the end of all sessions or streams, less those before the first.", left).key(),
    row("errors/sessions_percent", Percent, StageKind::Sessions, &ERRORS, "Requests to open, use or end sessions or streams that failed, and streams that the target ended by itself ÷ these requests, in all launches.", failed).exact(),
];

pub(crate) const FACTS: &[Fact] = &[];

fn slope(stage: &StageRecord, held: Held, of: Quantity) -> Values {
    if facts(stage).is_some_and(|facts| facts.held != held) {
        return Err(Absent(format!("the stage opens no {}", held.described())));
    }
    any_slope(stage, of)
}

fn any_slope(stage: &StageRecord, of: Quantity) -> Values {
    let why = format!("a launch has fewer than {FEWEST_STEPS} steps with this value");
    per_launch(stage, &why, |instance| Some(line(of_launch(instance)?, of)?.slope))
}

fn reclaimed(stage: &StageRecord) -> Values {
    let why = "the memory of the target did not grow, or could not be read";
    per_launch(stage, why, |instance| reclaimed_percent(of_launch(instance)?, memory))
}

fn left(stage: &StageRecord) -> Values {
    per_launch(stage, "the descriptors of the target could not be counted", |instance| {
        descriptors_left(of_launch(instance)?)
    })
}

fn failed(stage: &StageRecord) -> Values {
    failed_percent(stage.counted_launches().filter_map(of_launch).map(|launch| &launch.outcomes))
}
