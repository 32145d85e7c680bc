//! Defines the metrics of streams: what the target adds to each event, and how many events come at once.

use std::sync::LazyLock;

use super::facts::Instance;
use crate::measure::facts::InstanceFacts;
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{ERRORS, GROWTH, LATENCY, LATENCY_TAIL, OVERHEAD, STREAMING};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::{Bytes, Millis, Percent};
use crate::measure::metric::values::{error_percent, memory_growth, per_round, proxied, quantile_ms};
use crate::measure::record::{RoundRecord, StageRecord};
use crate::measure::trial::TrialRecord;
use harness_load::facts::Arm;
use harness_load::latency::LatencyHistogram;
use harness_load::streams::{Cancels, Streams};

const FIRST: &str =
    "Difference of the quantiles of arrival − written of the first event of a stream, proxied − direct.";
const EVENT: &str = "Difference of the quantiles of arrival − written of all events, proxied − direct.";
const GAP: &str = "Difference of the quantiles of the distortion of the time between two events, proxied − direct.";

const CANCEL: &str = "Time from closing the connection of a stream until the upstream notices it, through the target.";

pub(crate) const METRICS: &[Metric] = &[
    row("stream/first_added_p50", Millis, StageKind::Streaming, &OVERHEAD, "p50(proxied) − p50(direct) of the time from the instant at which the upstream wrote the first event of a stream to its arrival, in a round. The upstream's own delay is not part of it.", |stage| added(stage, first, 0.5)).key().help(FIRST),
    row("stream/first_added_p95", Millis, StageKind::Streaming, &OVERHEAD, "The same for quantile 0.95.", |stage| added(stage, first, 0.95)).pooled_difference(0.95, first).help(FIRST),
    row("stream/first_added_p99", Millis, StageKind::Streaming, &OVERHEAD, "The same for quantile 0.99.", |stage| added(stage, first, 0.99)).pooled_difference(0.99, first).help(FIRST).tail(),
    row("stream/event_added_p50", Millis, StageKind::Streaming, &OVERHEAD, "p50(proxied) − p50(direct) of the time from the instant at which the upstream wrote an event to its arrival, over all events of a round. Events that are read at once arrive at the same instant.", |stage| added(stage, event, 0.5)).key().help(EVENT),
    row("stream/event_added_p95", Millis, StageKind::Streaming, &OVERHEAD, "The same for quantile 0.95.", |stage| added(stage, event, 0.95)).pooled_difference(0.95, event).help(EVENT),
    row("stream/event_added_p99", Millis, StageKind::Streaming, &OVERHEAD, "The same for quantile 0.99.", |stage| added(stage, event, 0.99)).key().pooled_difference(0.99, event).help(EVENT).tail(),
    row("stream/gap_added_p50", Millis, StageKind::Streaming, &OVERHEAD, "p50(proxied) − p50(direct) of the distortion: the absolute difference between the time from one event to the next when they arrived and when they were written.", |stage| added(stage, gap, 0.5)).help(GAP),
    row("stream/gap_added_p99", Millis, StageKind::Streaming, &OVERHEAD, "The same for quantile 0.99.", |stage| added(stage, gap, 0.99)).pooled_difference(0.99, gap).help(GAP).tail(),
    row("stream/coalescing_percent", Percent, StageKind::Streaming, &STREAMING, "Events per read, proxied ÷ direct − 1 in a round: 0 % if the target passes events on one by one, 300 % if in groups of four.", coalescing).key(),
    row("stream/buffered_percent", Percent, StageKind::Streaming, &STREAMING, "Events, other than the last of their stream, that arrived through the target when the last had been written already ÷ all others.", |stage| proxied(stage, NO_EVENT, buffered)).key().by_arm(buffered),
    row("stream/wrong_percent", Percent, StageKind::Streaming, &ERRORS, "Events that the target lost, repeated, passed on in another order, or that are not of the stream ÷ events that were asked for, over all valid rounds.", wrong).exact(),
    row("stream/cancel_p50", Millis, StageKind::Streaming, &LATENCY, "Time from the instant at which the client closes the connection of a stream to the instant at which the upstream notices that its request is cancelled, through the target, quantile 0.5. What the upstream does not notice within 300 ms counts with that. Absent without `leave_after`.", |stage| proxied(stage, NOT_LEFT, |trial| quantile_ms(cancel(trial), 0.5))).key().help(CANCEL).by_arm(|trial| quantile_ms(cancel(trial), 0.5)),
    row("stream/cancel_p99", Millis, StageKind::Streaming, &LATENCY_TAIL, "The same for quantile 0.99.", |stage| proxied(stage, NOT_LEFT, |trial| quantile_ms(cancel(trial), 0.99))).key().pooled(0.99, cancel).help(CANCEL).by_arm(|trial| quantile_ms(cancel(trial), 0.99)),
    row("stream/uncancelled_percent", Percent, StageKind::Streaming, &ERRORS, "Streams that were left and whose end the upstream did not notice within 300 ms, or only by writing their last event ÷ streams that were left, over all valid rounds.", uncancelled).exact(),
    row("memory/stream_growth", Bytes, StageKind::Streaming, &GROWTH, "Largest resident memory of the target in a window of streams − that before its first request. A target that buffers whole streams has at least their size.", growth),
    row("errors/streaming_percent", Percent, StageKind::Streaming, &ERRORS, "Requests through the target that failed ÷ requests of all valid rounds. A stream that breaks off has failed; one that lacks events has not, see `stream/wrong_percent`.", error_percent).exact(),
];

pub(crate) const FACTS: &[Fact] = &[];

const NO_EVENT: &str = "a valid round has no stream that ended";

const NOT_LEFT: &str = "streams are read to their end; set leave_after in this stage";

static EMPTY: LazyLock<LatencyHistogram> = LazyLock::new(LatencyHistogram::default);

type Times = fn(&TrialRecord) -> &LatencyHistogram;

fn streams(trial: &TrialRecord) -> Option<&Streams> {
    trial.load.streams.as_deref()
}

fn first(trial: &TrialRecord) -> &LatencyHistogram {
    streams(trial).map_or(&EMPTY, |streams| &streams.first)
}

fn event(trial: &TrialRecord) -> &LatencyHistogram {
    streams(trial).map_or(&EMPTY, |streams| &streams.delay)
}

fn gap(trial: &TrialRecord) -> &LatencyHistogram {
    streams(trial).map_or(&EMPTY, |streams| &streams.distortion)
}

fn cancel(trial: &TrialRecord) -> &LatencyHistogram {
    cancels(trial).map_or(&EMPTY, |cancels| &cancels.times)
}

fn cancels(trial: &TrialRecord) -> Option<&Cancels> {
    streams(trial)?.cancels.as_ref()
}

/// Returns one value, because the median of the rounds hides what few of them have.
fn uncancelled(stage: &StageRecord) -> Values {
    let all = || stage.valid_rounds().filter_map(|round| cancels(round.trial(Arm::Proxied)?));
    let (missed, left) = all().fold((0, 0), |(missed, left), one| (missed + one.missed, left + one.times.count()));
    if left == 0 { Err(Absent(NOT_LEFT.to_owned())) } else { Ok(vec![missed as f64 / left as f64 * 100.0]) }
}

fn added(stage: &StageRecord, times: Times, q: f64) -> Values {
    let of = |round: &RoundRecord, arm| quantile_ms(times(round.trial(arm)?), q);
    per_round(stage, NO_EVENT, |round| Some(of(round, Arm::Proxied)? - of(round, Arm::Direct)?))
}

fn coalescing(stage: &StageRecord) -> Values {
    let of = |round: &RoundRecord, arm| streams(round.trial(arm)?)?.events_per_read();
    per_round(stage, NO_EVENT, |round| Some((of(round, Arm::Proxied)? / of(round, Arm::Direct)? - 1.0) * 100.0))
}

fn buffered(trial: &TrialRecord) -> Option<f64> {
    Some(streams(trial)?.buffered_share()? * 100.0)
}

/// Returns one value, because the median of the rounds hides what few of them have.
fn wrong(stage: &StageRecord) -> Values {
    let trials = || stage.valid_rounds().filter_map(|round| streams(round.trial(Arm::Proxied)?));
    let (wrong, asked) =
        (trials().map(Streams::wrong).sum::<u64>(), trials().map(|streams| streams.asked).sum::<u64>());
    if asked == 0 { Err(Absent(NO_EVENT.to_owned())) } else { Ok(vec![wrong as f64 / asked as f64 * 100.0]) }
}

fn growth(stage: &StageRecord) -> Values {
    memory_growth(stage, |instance| match instance.facts {
        InstanceFacts::Streaming(Instance { idle_bytes }) => idle_bytes,
        _ => None,
    })
}
