//! Defines the metrics of a closed loop.

use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{ERRORS, LATENCY, LATENCY_TAIL, THROUGHPUT};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Metric, row};
use crate::measure::metric::unit::Unit::{Millis, PerSecond, Percent};
use crate::measure::metric::values::{error_percent, rps, service, service_ms, service_of};
use crate::measure::trial::TrialRecord;

const SERVICE: &str = "Service time at capacity, closed loop.";

pub(crate) const METRICS: &[Metric] = &[
    row(
        "throughput/rps_{vus}vu",
        PerSecond,
        StageKind::Capacity,
        &THROUGHPUT,
        "Valid responses completed in the window ÷ its length, with users that never pause.",
        rps,
    )
    .key()
    .by_arm(TrialRecord::rps)
    .req("M-TP-001", 10_000.0)
    .higher(),
    row(
        "latency/capacity_p50",
        Millis,
        StageKind::Capacity,
        &LATENCY,
        "Service time at capacity, closed loop, quantile 0.5.",
        |stage| service(stage, 0.5),
    )
    .help(SERVICE)
    .by_arm(|trial| service_ms(trial, 0.5)),
    row(
        "latency/capacity_p95",
        Millis,
        StageKind::Capacity,
        &LATENCY,
        "Service time at capacity, quantile 0.95.",
        |stage| service(stage, 0.95),
    )
    .pooled(0.95, service_of)
    .help(SERVICE)
    .by_arm(|trial| service_ms(trial, 0.95)),
    row(
        "latency/capacity_p99",
        Millis,
        StageKind::Capacity,
        &LATENCY_TAIL,
        "Service time at capacity, quantile 0.99.",
        |stage| service(stage, 0.99),
    )
    .key()
    .pooled(0.99, service_of)
    .help(SERVICE)
    .by_arm(|trial| service_ms(trial, 0.99))
    .tail(),
    row("errors/capacity_percent", Percent, StageKind::Capacity, &ERRORS, "The same at capacity.", error_percent)
        .exact(),
];

pub(crate) const FACTS: &[Fact] = &[];
