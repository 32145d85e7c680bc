//! Defines the metrics of a target within limits.

use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{
    ACHIEVED, CPU_PERCENT, CPU_TIME, ERRORS, LATENCY, LATENCY_TAIL, MEMORY, THROTTLED, THROUGHPUT,
};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Metric, Values, row};
use crate::measure::metric::unit::Unit::{Bytes, Micros, Millis, PerSecond, Percent};
use crate::measure::metric::values::{
    NO_ACCOUNT, achieved_percent, closed_rps, error_percent, load_rss, peak, proxied, response, response_ms,
    response_of, rps, throttled_periods, with_cpu_limit,
};
use crate::measure::record::StageRecord;
use crate::measure::trial::TrialRecord;

const RESPONSE: &str = "Response time within the limits; in a closed loop, service time.";

pub(crate) const METRICS: &[Metric] = &[
    row("throughput/rps_constrained", PerSecond, StageKind::Constrained, &THROUGHPUT, "Valid responses completed in the window ÷ its length, within the stage's resource limits. Absent in an open loop, whose rate is given.", |stage| closed_rps(stage, rps)).key().by_arm(TrialRecord::rps)
        .req("M-TP-002", 5_000.0)
        .higher(),
    row("throughput/constrained_achieved_percent", Percent, StageKind::Constrained, &ACHIEVED, "Open loop: valid responses completed in the window ÷ requests due in it, within the stage's resource limits.", achieved_percent).key().higher(),
    row("latency/constrained_p50", Millis, StageKind::Constrained, &LATENCY, "Response time within the limits, quantile 0.5. In a closed loop, service time.", |stage| response(stage, 0.5)).help(RESPONSE).by_arm(|trial| response_ms(trial, 0.5)),
    row("latency/constrained_p95", Millis, StageKind::Constrained, &LATENCY, "The same for quantile 0.95.", |stage| response(stage, 0.95)).pooled(0.95, response_of).help(RESPONSE).by_arm(|trial| response_ms(trial, 0.95)),
    row("latency/constrained_p99", Millis, StageKind::Constrained, &LATENCY_TAIL, "The same for quantile 0.99. If the CPU limit throttles the target, this is mostly the wait for the next period.", |stage| response(stage, 0.99)).key().pooled(0.99, response_of).help(RESPONSE).by_arm(|trial| response_ms(trial, 0.99)).tail(),
    row("memory/constrained_rss", Bytes, StageKind::Constrained, &MEMORY, "Median resident memory of the target in the windows of the proxied arm. PSS for a tree of several processes.", load_rss)
        .req("M-MEM-004", 100e6),
    row("memory/constrained_peak", Bytes, StageKind::Constrained, &MEMORY, "Largest memory charged to the target's control group in a window of the proxied arm. The memory limit applies to this value, which includes the page cache.", peak).key(),
    row("cpu/constrained_percent", Percent, StageKind::Constrained, &CPU_PERCENT, "CPU time charged to the target's control group ÷ wall time in the windows of the proxied arm; 100 % is one core.", cpu).help("CPU time charged to the target's control group ÷ wall time in the windows of the proxied arm."),
    row("cpu/constrained_us_per_request", Micros, StageKind::Constrained, &CPU_TIME, "CPU time charged to the target's control group in a window ÷ requests completed in it.", cpu_per_request),
    row("cpu/throttled_percent", Percent, StageKind::Constrained, &THROTTLED, "Periods of the CPU limit in which the target was throttled ÷ periods in which it was runnable, in the windows of the proxied arm.", throttled_periods),
    row("cpu/throttled_time_percent", Percent, StageKind::Constrained, &THROTTLED, "Time for which the target was throttled ÷ wall time, summed over CPUs, so it may exceed 100 %.", throttled_time),
    row("errors/constrained_percent", Percent, StageKind::Constrained, &ERRORS, "The same within the stage's resource limits.", error_percent).exact(),
];

pub(crate) const FACTS: &[Fact] = &[];

fn cpu(stage: &StageRecord) -> Values {
    proxied(stage, NO_ACCOUNT, |trial| Some(trial.readings.group_delta()?.cpus()? * 100.0))
}

fn cpu_per_request(stage: &StageRecord) -> Values {
    proxied(stage, NO_ACCOUNT, |trial| {
        let completed = trial.load.completed_in_window;
        (completed > 0).then_some(trial.readings.group_delta()?.cpu_ns? as f64 / 1e3 / completed as f64)
    })
}

fn throttled_time(stage: &StageRecord) -> Values {
    with_cpu_limit(stage, |trial| Some(trial.readings.group_delta()?.throttled_time()? * 100.0))
}
