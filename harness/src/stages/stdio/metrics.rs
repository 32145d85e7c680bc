//! Defines the metrics of a shim between pipes, beside the server alone.

use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{CPU_TIME, ERRORS, LATENCY, LATENCY_TAIL, MEMORY, OVERHEAD, THROUGHPUT};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::{Bytes, Micros, Millis, PerSecond, Percent};
use crate::measure::metric::values::{
    closed_rps, error_percent, load_rss, median_bytes, per_round, proxied, response, response_ms, response_of, rps,
};
use crate::measure::record::{RoundRecord, StageRecord};
use crate::measure::trial::TrialRecord;
use harness_load::facts::Arm;
use harness_load::pace::Pace;

const RESPONSE: &str = "Response time (answer read − intended start) of a message behind the shim.";
const DIFFERENCE: &str = "Difference of the quantiles of the response time, behind the shim − the server alone.";

pub(crate) const METRICS: &[Metric] = &[
    row("latency/stdio_p50", Millis, StageKind::Stdio, &LATENCY, "Response time (answer read − intended start) of a message behind the shim, quantile 0.5.", |stage| of_open(stage, response(stage, 0.5))).key().benchmark().help(RESPONSE).by_arm(|trial| response_ms(trial, 0.5)),
    row("latency/stdio_p99", Millis, StageKind::Stdio, &LATENCY_TAIL, "The same for quantile 0.99. Advisory below 10,000 messages in the stage.", |stage| of_open(stage, response(stage, 0.99))).key().pooled(0.99, response_of).help(RESPONSE).by_arm(|trial| response_ms(trial, 0.99)).tail(),
    row("overhead/stdio_p50", Millis, StageKind::Stdio, &OVERHEAD, "p50(behind the shim) − p50(the server alone) of the response time in a round, at the same arrival rate.", |stage| of_open(stage, overhead(stage, 0.5))).key().help(DIFFERENCE).by_arm(|trial| response_ms(trial, 0.5)),
    row("overhead/stdio_p99", Millis, StageKind::Stdio, &OVERHEAD, "The same for quantile 0.99.", |stage| of_open(stage, overhead(stage, 0.99))).key().pooled_difference(0.99, response_of).help(DIFFERENCE).by_arm(|trial| response_ms(trial, 0.99)).tail(),
    row("throughput/stdio_messages", PerSecond, StageKind::Stdio, &THROUGHPUT, "Messages behind the shim whose valid answers were read in the window ÷ its length, with `closed = true`. A message and its answer count once.", |stage| closed_rps(stage, rps)).key().by_arm(TrialRecord::rps).higher(),
    row("cpu/us_per_stdio_message", Micros, StageKind::Stdio, &CPU_TIME, "CPU time of the shim and the server behind it in a window ÷ messages answered in it.", |stage| proxied(stage, NO_CPU, wrapped_cpu_us)).key(),
    row("cpu/us_per_stdio_message_added", Micros, StageKind::Stdio, &CPU_TIME, "The same less that of the server alone in the same round: the shim's own. A server that starts further processes must not be compared so, because of the server alone only its first process is counted.", added_cpu).key(),
    row("memory/stdio_rss", Bytes, StageKind::Stdio, &MEMORY, "Median resident memory of the shim and the server behind it in their windows. PSS if they are several processes.", load_rss).key(),
    row("memory/stdio_server_rss", Bytes, StageKind::Stdio, &MEMORY, "Median resident memory of the server alone in its windows.", server_rss),
    row("errors/stdio_percent", Percent, StageKind::Stdio, &ERRORS, "Messages behind the shim that had no answer within `timeout`, a wrong one or two ÷ messages of all valid rounds. A line that no message can account for makes one message wrong.", error_percent).exact(),
];

pub(crate) const FACTS: &[Fact] = &[];

const CLOSED: &str = "in a closed loop, a message waits for others to be answered; measure latencies at a rate";
const NO_DIRECT: &str = "a round has no valid answer of the server alone, or none behind the shim";
const NO_CPU: &str = "CPU time could not be read, or no message was answered";

fn of_open(stage: &StageRecord, values: Values) -> Values {
    match stage.offered {
        Some(Pace::Closed { .. }) => Err(Absent(CLOSED.to_owned())),
        _ => values,
    }
}

fn overhead(stage: &StageRecord, q: f64) -> Values {
    let of = |round: &RoundRecord, arm| response_ms(round.trial(arm)?, q);
    per_round(stage, NO_DIRECT, |round| Some(of(round, Arm::Proxied)? - of(round, Arm::Direct)?))
}

/// Returns microseconds of CPU time per message answered in the window.
fn per_message(trial: &TrialRecord, cpu_ns: u64) -> Option<f64> {
    let answered = trial.load.completed_in_window;
    (answered > 0).then(|| cpu_ns as f64 / 1e3 / answered as f64)
}

fn wrapped_cpu_us(trial: &TrialRecord) -> Option<f64> {
    per_message(trial, trial.readings.target_cpu_ns()?)
}

fn added_cpu(stage: &StageRecord) -> Values {
    per_round(stage, NO_CPU, |round| {
        let direct = round.trial(Arm::Direct)?;
        let alone = direct.readings.own_cpu_ns(|reading| reading.upstream.as_ref())?;
        Some(wrapped_cpu_us(round.trial(Arm::Proxied)?)? - per_message(direct, alone)?)
    })
}

fn server_rss(stage: &StageRecord) -> Values {
    per_round(stage, "memory of the server could not be read", |round| {
        let readings = &round.trial(Arm::Direct)?.readings.0;
        median_bytes(readings.iter().filter_map(|reading| Some(reading.upstream.as_ref()?.rss_bytes)).collect())
    })
}
