//! Defines the metrics of connections that are closed after a number of requests.

use std::sync::LazyLock;

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{ACHIEVED, CPU_TIME, ERRORS, LATENCY, LATENCY_TAIL, OVERHEAD, THROUGHPUT};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::{ConnectionsPerSecond, Micros, Millis, Percent};
use crate::measure::metric::values::{
    closed_rps, error_percent, per_round, proxied, quantile_ms, response, response_ms, response_of,
};
use crate::measure::record::StageRecord;
use crate::measure::trial::TrialRecord;
use harness_load::facts::{Arm, Connections};
use harness_load::latency::LatencyHistogram;
use harness_load::pace::Pace;

const RESPONSE: &str = "Response time of requests, opening the connection included.";
const CONNECT: &str = "Time from the start of opening to the established TCP connection.";

pub(crate) const METRICS: &[Metric] = &[
    row("connections/per_second", ConnectionsPerSecond, StageKind::Connections, &THROUGHPUT, "Connections whose requests were all answered validly and whose last answer ended in the window ÷ its length, with users that never pause. Absent in an open loop, whose rate is given.", |stage| closed_rps(stage, |stage| proxied(stage, NO_CONNECTION, per_second))).key().by_arm(per_second).higher(),
    row("connect/p50", Millis, StageKind::Connections, &LATENCY, "Time from the start of opening to the established TCP connection, to the target, quantile 0.5. The kernel answers it, also for a target that has not accepted yet.", |stage| connect(stage, 0.5)).help(CONNECT).by_arm(|trial| quantile_ms(connect_of(trial), 0.5)),
    row("connect/p99", Millis, StageKind::Connections, &LATENCY_TAIL, "The same for quantile 0.99.", |stage| connect(stage, 0.99)).pooled(0.99, connect_of).help(CONNECT).by_arm(|trial| quantile_ms(connect_of(trial), 0.99)).tail(),
    row("tls/handshake_p50", Millis, StageKind::Connections, &LATENCY, "Time from the established TCP connection to the end of the TLS handshake with the target, for full handshakes, quantile 0.5. Absent while sessions are resumed.", full).key().by_arm(full_ms),
    row("tls/handshake_resumed_p50", Millis, StageKind::Connections, &LATENCY, "The same for handshakes that resumed a session. Absent with `resumption = false`.", resumed).key().by_arm(resumed_ms),
    row("connections/handshakes_per_second", ConnectionsPerSecond, StageKind::Connections, &THROUGHPUT, "TLS handshakes with the target, full or resumed, of connections whose opening began in the window ÷ its length. Absent in an open loop.", |stage| closed_rps(stage, |stage| proxied(stage, NO_TLS, handshakes_per_second))).by_arm(handshakes_per_second).higher(),
    row("connections/resumed_percent", Percent, StageKind::Connections, &ACHIEVED, "TLS handshakes with the target that resumed a session ÷ all. Absent if sessions are not to be resumed.", resumed_percent).by_arm(resumed_share).higher(),
    row("latency/connections_p50", Millis, StageKind::Connections, &LATENCY, "Response time through the target, opening the connection included, quantile 0.5. In a closed loop, service time.", |stage| response(stage, 0.5)).key().help(RESPONSE).by_arm(|trial| response_ms(trial, 0.5)),
    row("latency/connections_p99", Millis, StageKind::Connections, &LATENCY_TAIL, "The same for quantile 0.99.", |stage| response(stage, 0.99)).pooled(0.99, response_of).help(RESPONSE).by_arm(|trial| response_ms(trial, 0.99)).tail(),
    row("overhead/connections_p50", Millis, StageKind::Connections, &OVERHEAD, "p50(proxied) − p50(direct) of the response time in a round, opening the connection included, at the same arrival rate. Absent in a closed loop, whose arms have different rates.", overhead).key().by_arm(|trial| response_ms(trial, 0.5)),
    row("cpu/us_per_connection", Micros, StageKind::Connections, &CPU_TIME, "CPU time of the target in a window ÷ connections completed in it: accepting, the TLS handshake, the requests and closing. Includes the CPU time that the target uses when idle.", cpu_per_connection).key(),
    row("errors/connections_percent", Percent, StageKind::Connections, &ERRORS, "Requests through the target that failed ÷ requests of all valid rounds; a connection that could not be opened is one.", error_percent).exact(),
];

pub(crate) const FACTS: &[Fact] = &[];

const NO_CONNECTION: &str = "no connection was opened";
const FEW: &str = "too few such handshakes in a window";
const NO_TLS: &str = "the endpoint does not speak TLS";

/// The fewest handshakes of a window that have a median.
const FEWEST: u64 = 10;

fn opened(trial: &TrialRecord) -> Option<&Connections> {
    trial.load.connections.as_deref()
}

fn per_second(trial: &TrialRecord) -> Option<f64> {
    rate(trial, opened(trial)?.completed_in_window)
}

fn handshakes_per_second(trial: &TrialRecord) -> Option<f64> {
    let connections = opened(trial).filter(|connections| has_tls(connections))?;
    rate(trial, connections.opened)
}

fn rate(trial: &TrialRecord, number: u64) -> Option<f64> {
    let seconds = trial.load.window_ns as f64 / 1e9;
    (seconds > 0.0).then(|| number as f64 / seconds)
}

fn has_tls(connections: &Connections) -> bool {
    connections.resumed > 0 || connections.full_handshake.is_some()
}

fn connect(stage: &StageRecord, q: f64) -> Values {
    proxied(stage, NO_CONNECTION, |trial| quantile_ms(connect_of(trial), q))
}

fn connect_of(trial: &TrialRecord) -> &LatencyHistogram {
    static EMPTY: LazyLock<LatencyHistogram> = LazyLock::new(LatencyHistogram::default);
    opened(trial).map_or(&EMPTY, |connections| &connections.connect)
}

fn full_ms(trial: &TrialRecord) -> Option<f64> {
    median_of(opened(trial)?.full_handshake.as_ref()?)
}

fn resumed_ms(trial: &TrialRecord) -> Option<f64> {
    median_of(opened(trial)?.resumed_handshake.as_ref()?)
}

/// Returns the median of at least [`FEWEST`] handshakes. Fewer are stragglers among those of the other kind.
fn median_of(handshakes: &LatencyHistogram) -> Option<f64> {
    (handshakes.count() >= FEWEST).then(|| quantile_ms(handshakes, 0.5))?
}

/// Returns whether sessions are to be resumed.
///
/// # Errors
/// Returns [`Absent`] without TLS.
fn resumption(stage: &StageRecord) -> Result<bool, Absent> {
    let StageFacts::Connections(Stage { resumption, .. }) = &stage.facts else { return absent(NO_TLS) };
    resumption.map_or_else(|| absent(NO_TLS), Ok)
}

fn full(stage: &StageRecord) -> Values {
    let why = if resumption(stage)? { "sessions are resumed; set resumption = false in this stage" } else { FEW };
    proxied(stage, why, full_ms)
}

fn resumed(stage: &StageRecord) -> Values {
    let why = if resumption(stage)? { FEW } else { "resumption = false" };
    proxied(stage, why, resumed_ms)
}

fn resumed_share(trial: &TrialRecord) -> Option<f64> {
    let connections = opened(trial).filter(|connections| has_tls(connections))?;
    Some(connections.resumed as f64 / connections.opened as f64 * 100.0)
}

fn resumed_percent(stage: &StageRecord) -> Values {
    if !resumption(stage)? {
        return absent("resumption = false");
    }
    proxied(stage, NO_CONNECTION, resumed_share)
}

fn overhead(stage: &StageRecord) -> Values {
    if let Some(Pace::Closed { .. }) = stage.offered {
        return absent("in a closed loop, the arms have different rates; give the stage a rate");
    }
    let of = |trial: Option<&TrialRecord>| response_ms(trial?, 0.5);
    per_round(stage, "no direct arm", |round| Some(of(round.trial(Arm::Proxied))? - of(round.trial(Arm::Direct))?))
}

fn cpu_per_connection(stage: &StageRecord) -> Values {
    proxied(stage, "CPU time of the target could not be read, or no connection was completed", |trial| {
        let completed = opened(trial)?.completed_in_window;
        (completed > 0).then_some(trial.readings.target_cpu_ns()? as f64 / 1e3 / completed as f64)
    })
}

fn absent<T>(reason: &str) -> Result<T, Absent> {
    Err(Absent(reason.to_owned()))
}
