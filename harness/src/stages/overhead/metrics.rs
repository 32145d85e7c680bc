//! Defines the metrics of both arms at one arrival rate.

use std::sync::LazyLock;

use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{
    CPU_PERCENT, CPU_TIME, ERRORS, LATENCY, LATENCY_TAIL, MEMORY, OVERHEAD, OVERHEAD_PERCENT,
};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::{Bytes, Micros, Millis, Percent};
use crate::measure::metric::values::{
    NO_ANSWER, error_percent, load_rss, per_round, proxied, quantile_ms, response, response_ms, response_of, service,
    service_ms, service_of, ttfb_of,
};
use crate::measure::record::{RoundRecord, StageRecord};
use crate::measure::trial::TrialRecord;
use harness_load::facts::Arm;
use harness_load::latency::LatencyHistogram;

const RESPONSE: &str = "Response time (last byte − intended start) through the target.";
const SERVICE: &str = "Service time (last byte − sent) through the target.";
const DIFFERENCE: &str = "Difference of the quantiles of the response time, proxied − direct.";

pub(crate) const METRICS: &[Metric] = &[
    row("latency/p50", Millis, StageKind::Overhead, &LATENCY, "Response time (last byte − intended start) through the target, quantile 0.5.", |stage| response(stage, 0.5)).key().help(RESPONSE).by_arm(|trial| response_ms(trial, 0.5))
        .req("M-LAT-001", 5.0),
    row("latency/p95", Millis, StageKind::Overhead, &LATENCY, "Response time through the target, quantile 0.95.", |stage| response(stage, 0.95)).pooled(0.95, response_of).help(RESPONSE).by_arm(|trial| response_ms(trial, 0.95))
        .req("M-LAT-002", 15.0),
    row("latency/p99", Millis, StageKind::Overhead, &LATENCY_TAIL, "Response time through the target, quantile 0.99. Advisory below 10,000 requests in the stage.", |stage| response(stage, 0.99)).key().pooled(0.99, response_of).help(RESPONSE).by_arm(|trial| response_ms(trial, 0.99)).tail()
        .req("M-LAT-003", 50.0),
    row("latency/service_p50", Millis, StageKind::Overhead, &LATENCY, "Service time (last byte − sent) through the target, quantile 0.5.", |stage| service(stage, 0.5)).help(SERVICE).by_arm(|trial| service_ms(trial, 0.5)),
    row("latency/service_p95", Millis, StageKind::Overhead, &LATENCY, "Service time through the target, quantile 0.95.", |stage| service(stage, 0.95)).pooled(0.95, service_of).help(SERVICE).by_arm(|trial| service_ms(trial, 0.95)),
    row("latency/service_p99", Millis, StageKind::Overhead, &LATENCY_TAIL, "Service time through the target, quantile 0.99.", |stage| service(stage, 0.99)).pooled(0.99, service_of).help(SERVICE).by_arm(|trial| service_ms(trial, 0.99)).tail(),
    row("ttfb/p95", Millis, StageKind::Overhead, &LATENCY, "Time to the response headers (headers − sent) through the target, quantile 0.95.", ttfb_p95).pooled(0.95, ttfb_of).help("Time to the response headers (headers − sent) through the target.").by_arm(|trial| quantile_ms(&trial.load.latencies.ttfb, 0.95)).req("M-TTFB-001", 10.0),
    row("overhead/latency_p50", Millis, StageKind::Overhead, &OVERHEAD, "p50(proxied) − p50(direct) of the response time in a round, at the same arrival rate: the mean over instances, or the median over the rounds of fewer than five instances.", |stage| overhead(stage, 0.5)).key().help(DIFFERENCE).by_arm(|trial| response_ms(trial, 0.5))
        .req("M-OH-001", 2.0),
    row("overhead/latency_p95", Millis, StageKind::Overhead, &OVERHEAD, "p95(proxied) − p95(direct): a shift of the quantile, not the extra time of single requests.", |stage| overhead(stage, 0.95)).pooled_difference(0.95, response_of).help(DIFFERENCE).by_arm(|trial| response_ms(trial, 0.95)),
    row("overhead/latency_p99", Millis, StageKind::Overhead, &OVERHEAD, "The same for quantile 0.99.", |stage| overhead(stage, 0.99)).key().pooled_difference(0.99, response_of).help(DIFFERENCE).by_arm(|trial| response_ms(trial, 0.99)).tail(),
    row("overhead/percent_p50", Percent, StageKind::Overhead, &OVERHEAD_PERCENT, "p50(proxied) ÷ p50(direct) − 1 per round. Absent without an upstream delay, because the value then depends mostly on the speed of the upstream.", percent_p50).help("Median over rounds of proxied ÷ direct − 1, of the response time.")
        .req("M-OH-002", 10.0),
    row("events/first_p50", Millis, StageKind::Overhead, &LATENCY, "End of the first server-sent event of an answer − sent, through the target, quantile 0.5. Absent unless a request has `expect.events`.", |stage| proxied(stage, NO_EVENTS, |trial| quantile_ms(first_event(trial), 0.5))).by_arm(|trial| quantile_ms(first_event(trial), 0.5)),
    row("events/gap_p50", Millis, StageKind::Overhead, &LATENCY, "Time from the end of one server-sent event to the end of the next of the same answer, through the target, quantile 0.5. Events that were read at once have no time between them.", |stage| proxied(stage, NO_EVENTS, |trial| quantile_ms(event_gap(trial), 0.5))).by_arm(|trial| quantile_ms(event_gap(trial), 0.5)),
    row("events/gap_p99", Millis, StageKind::Overhead, &LATENCY_TAIL, "The same for quantile 0.99.", |stage| proxied(stage, NO_EVENTS, |trial| quantile_ms(event_gap(trial), 0.99))).pooled(0.99, event_gap).help("Time from one server-sent event to the next, through the target.").by_arm(|trial| quantile_ms(event_gap(trial), 0.99)).tail(),
    row("overhead/first_event_p50", Millis, StageKind::Overhead, &OVERHEAD, "p50(proxied) − p50(direct) of the time to the first server-sent event in a round. A target that holds a stream until its end adds the length of the stream.", first_event_overhead).key().by_arm(|trial| quantile_ms(first_event(trial), 0.5)),
    row("cpu/under_load_percent", Percent, StageKind::Overhead, &CPU_PERCENT, "CPU time of the target ÷ wall time in the windows of the proxied arm; 100 % is one core.", load_cpu).help("CPU time of the target ÷ wall time in the windows of the proxied arm.")
        .req("M-CPU-002", 50.0),
    row("cpu/us_per_request", Micros, StageKind::Overhead, &CPU_TIME, "CPU time of the target in a window ÷ requests completed in it. Includes the CPU time that the target uses when idle.", cpu_per_request).key(),
    row("memory/under_load_rss", Bytes, StageKind::Overhead, &MEMORY, "Median resident memory of the target in the windows of the proxied arm. PSS for a tree of several processes.", load_rss).key()
        .req("M-MEM-002", 100e6),
    row("memory/peak_rss", Bytes, StageKind::Overhead, &MEMORY, "Largest VmHWM of the target in a window of the proxied arm, reset at the start of the window.", peak_rss)
        .req("M-MEM-003", 150e6),
    row("errors/percent", Percent, StageKind::Overhead, &ERRORS, "Requests through the target that failed ÷ requests of all valid rounds. Any error ends the run with TARGET FAILED, unless `[audit]`, a claim or a gate permits it.", error_percent).exact(),
];

pub(crate) const FACTS: &[Fact] = &[];

const NO_DIRECT: &str = "no direct arm: the scenario has no upstream";

const NO_EVENTS: &str = "no answer with events; give a request expect = { events = N }";

fn first_event(trial: &TrialRecord) -> &LatencyHistogram {
    trial.load.events.as_deref().map_or(&EMPTY, |events| &events.first)
}

fn event_gap(trial: &TrialRecord) -> &LatencyHistogram {
    trial.load.events.as_deref().map_or(&EMPTY, |events| &events.gap)
}

static EMPTY: LazyLock<LatencyHistogram> = LazyLock::new(LatencyHistogram::default);

fn first_event_overhead(stage: &StageRecord) -> Values {
    let of = |round: &RoundRecord, arm| quantile_ms(first_event(round.trial(arm)?), 0.5);
    let why = if stage.valid_rounds().any(|round| of(round, Arm::Proxied).is_some()) { NO_DIRECT } else { NO_EVENTS };
    per_round(stage, why, |round| Some(of(round, Arm::Proxied)? - of(round, Arm::Direct)?))
}

fn ttfb_p95(stage: &StageRecord) -> Values {
    proxied(stage, NO_ANSWER, |trial| quantile_ms(&trial.load.latencies.ttfb, 0.95))
}

/// Returns direct and proxied quantile of one round, in milliseconds.
fn pair(round: &RoundRecord, q: f64) -> Option<(f64, f64)> {
    let of = |arm| response_ms(round.trial(arm)?, q);
    Some((of(Arm::Direct)?, of(Arm::Proxied)?))
}

fn overhead(stage: &StageRecord, q: f64) -> Values {
    per_round(stage, NO_DIRECT, |round| pair(round, q).map(|(direct, proxied)| proxied - direct))
}

fn absent<T>(reason: &str) -> Result<T, Absent> {
    Err(Absent(reason.to_owned()))
}

fn percent_p50(stage: &StageRecord) -> Values {
    match stage.upstream_delay_ns {
        None => absent("the upstream's delay is not known"),
        Some(0) => {
            absent("the upstream has no delay, so a percentage would only say how fast the upstream is; set `delay`")
        }
        Some(_) => per_round(stage, NO_DIRECT, |round| {
            pair(round, 0.5).map(|(direct, proxied)| (proxied / direct - 1.0) * 100.0)
        }),
    }
}

fn load_cpu(stage: &StageRecord) -> Values {
    proxied(stage, "CPU time of the target could not be read", |trial| {
        Some(trial.readings.target_cpu_ns()? as f64 / trial.readings.span_ns()? as f64 * 100.0)
    })
}

fn cpu_per_request(stage: &StageRecord) -> Values {
    proxied(stage, "CPU time of the target could not be read", |trial| {
        let completed = trial.load.completed_in_window;
        (completed > 0).then_some(trial.readings.target_cpu_ns()? as f64 / 1e3 / completed as f64)
    })
}

fn peak_rss(stage: &StageRecord) -> Values {
    proxied(stage, "the kernel did not let the peak be reset, so it would cover the target's whole life", |trial| {
        trial.peak_rss_bytes.map(|bytes| bytes as f64)
    })
}
