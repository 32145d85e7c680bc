//! Defines the metrics of the windows of a soak.

use super::derive::{series, whole_windows};
use super::facts::{Quantity, SoakWindow};
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{
    ACHIEVED, COUNT_GROWTH, CPU_TIME, DRIFT, ERRORS, GROWTH, LATENCY, LATENCY_TAIL, MEMORY, THROUGHPUT,
};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::{Bytes, Count, Micros, Millis, PerSecond, Percent};
use crate::measure::metric::values::{closed_rps, error_percent, offered_rate};
use crate::measure::record::StageRecord;

const MEMORY_PER_DAY: &str = "soak/memory_per_day";
const DESCRIPTORS_PER_DAY: &str = "soak/descriptors_per_day";
const THREADS_PER_DAY: &str = "soak/threads_per_day";
const P99_RISE: &str = "soak/p99_rise";
const RATE_LOSS: &str = "soak/rate_loss";

const RESPONSE: &str = "Response time in each window of a soak; in a closed loop, service time.";

pub(crate) const METRICS: &[Metric] = &[
    row(
        "latency/soak_p50",
        Millis,
        StageKind::Soak,
        &LATENCY,
        "Response time in each window of a soak, quantile 0.5, with two significant digits. In a closed loop, service time.",
        p50,
    ).help(RESPONSE),
    row("latency/soak_p99", Millis, StageKind::Soak, &LATENCY_TAIL, "The same for quantile 0.99.", p99).key().help(RESPONSE).tail(),
    row(
        "throughput/rps_soak",
        PerSecond,
        StageKind::Soak,
        &THROUGHPUT,
        "Valid responses completed in each window of a soak ÷ its length. Absent in an open loop, whose rate is given.",
        |stage| closed_rps(stage, rps),
    ).key()
    .higher(),
    row(
        "throughput/soak_achieved_percent",
        Percent,
        StageKind::Soak,
        &ACHIEVED,
        "Open loop: valid responses completed per second in each window of a soak ÷ the rate.",
        achieved_percent,
    ).key()
    .higher(),
    row(
        "memory/soak_trough",
        Bytes,
        StageKind::Soak,
        &MEMORY,
        "Smallest memory reading of the target in each window of a soak: PSS if every window has it, otherwise RSS of a single process.",
        memory,
    ),
    row(
        "cpu/soak_us_per_request",
        Micros,
        StageKind::Soak,
        &CPU_TIME,
        "CPU time of the target in a window of a soak ÷ valid responses completed in it.",
        cpu_per_request,
    ),
    row(
        MEMORY_PER_DAY,
        Bytes,
        StageKind::Soak,
        &GROWTH,
        "Growth of the memory troughs per day: Theil–Sen slope with an interval that allows for correlated windows, see [soak](soak.md).",
        memory,
    )
    .help("Growth of the memory troughs per day.")
    .trend(),
    row(
        DESCRIPTORS_PER_DAY,
        Count,
        StageKind::Soak,
        &COUNT_GROWTH,
        "Growth of the troughs of open descriptors per day.",
        |stage| values(stage, Quantity::Descriptors),
    )
    .trend(),
    row(THREADS_PER_DAY, Count, StageKind::Soak, &COUNT_GROWTH, "Growth of the troughs of threads per day.", |stage| {
        values(stage, Quantity::Threads)
    })
    .trend(),
    row(
        P99_RISE,
        Percent,
        StageKind::Soak,
        &DRIFT,
        "Increase of the windows' p99 over the soak, relative to its median.",
        p99,
    )
    .trend(),
    row(
        RATE_LOSS,
        Percent,
        StageKind::Soak,
        &DRIFT,
        "Decrease of valid responses per second over the soak, relative to their median.",
        rps,
    )
    .trend(),
    row("errors/soak_percent", Percent, StageKind::Soak, &ERRORS, "The same over a soak.", error_percent).exact(),
];

pub(crate) const FACTS: &[Fact] = &[];

const NO_ANSWER: &str = "no window with a valid answer";

/// Returns the values of a quantity over the windows that have one.
fn values(stage: &StageRecord, quantity: Quantity) -> Values {
    let values: Vec<f64> = series(stage, quantity).into_iter().map(|(_, value)| value).collect();
    if values.is_empty() { Err(Absent(format!("no window in which {} is known", quantity.name()))) } else { Ok(values) }
}

fn memory(stage: &StageRecord) -> Values {
    values(stage, Quantity::Memory)
}

fn p50(stage: &StageRecord) -> Values {
    per_window(stage, NO_ANSWER, |window| Some(window.response?.p50_ns as f64 / 1e6))
}

fn p99(stage: &StageRecord) -> Values {
    per_window(stage, NO_ANSWER, |window| Some(window.response?.p99_ns as f64 / 1e6))
}

fn rps(stage: &StageRecord) -> Values {
    values(stage, Quantity::Rate)
}

fn achieved_percent(stage: &StageRecord) -> Values {
    let rate = offered_rate(stage)?;
    Ok(rps(stage)?.into_iter().map(|rps| rps / rate * 100.0).collect())
}

fn cpu_per_request(stage: &StageRecord) -> Values {
    per_window(stage, "CPU time of the target could not be read", |window| {
        (window.ok > 0).then_some(window.cpu_ns? as f64 / 1e3 / window.ok as f64)
    })
}

/// Returns values per window, without windows in which the target answered nothing.
fn per_window(stage: &StageRecord, why: &str, of: impl Fn(&SoakWindow) -> Option<f64>) -> Values {
    let values: Vec<f64> = whole_windows(stage).filter_map(of).collect();
    if values.is_empty() { Err(Absent(why.to_owned())) } else { Ok(values) }
}

/// Returns the quantity whose change over the soak is the value of a metric.
pub(super) fn quantity_of(metric: &Metric) -> Option<Quantity> {
    match metric.id {
        MEMORY_PER_DAY => Some(Quantity::Memory),
        DESCRIPTORS_PER_DAY => Some(Quantity::Descriptors),
        THREADS_PER_DAY => Some(Quantity::Threads),
        P99_RISE => Some(Quantity::P99),
        RATE_LOSS => Some(Quantity::Rate),
        _ => None,
    }
}
