//! Defines the metrics of a closed loop.

use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{LATENCY, LATENCY_TAIL, THROUGHPUT};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Metric, row};
use crate::measure::metric::unit::Unit::{Millis, PerSecond};
use crate::measure::metric::values::{rps, service, service_ms};
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
    .help(SERVICE)
    .by_arm(|trial| service_ms(trial, 0.99))
    .tail(),
];

pub(crate) const FACTS: &[Fact] = &[];
