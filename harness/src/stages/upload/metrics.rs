//! Defines the metrics of transfers of large bodies.

use super::facts::{Instance, Stage};
use crate::measure::facts::{InstanceFacts, StageFacts};
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{ACHIEVED, BANDWIDTH, CPU_TIME, ERRORS, GROWTH, LATENCY};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::{Bytes, MegabytesPerSecond, Micros, Millis, Percent};
use crate::measure::metric::values::{NO_ANSWER, error_percent, memory_growth, per_round, proxied, quantile_ms};
use crate::measure::record::{RoundRecord, StageRecord};
use crate::measure::trial::TrialRecord;
use harness_load::facts::Arm;

pub(crate) const METRICS: &[Metric] = &[
    row("throughput/upload_mbs", MegabytesPerSecond, StageKind::Upload, &BANDWIDTH, "Size of the streamed body of a request ÷ median time from its first byte sent to the last byte of the answer, through the target, × users. A million bytes are a megabyte.", |stage| rate(stage, uploaded, 0.5)).key().benchmark().higher(),
    row("throughput/upload_mbs_p95", MegabytesPerSecond, StageKind::Upload, &BANDWIDTH, "The same for the time that 5 % of the transfers do not exceed: the quantile 0.95 of the rate.", |stage| rate(stage, uploaded, 0.05)).higher(),
    row("throughput/upload_direct_percent", Percent, StageKind::Upload, &ACHIEVED, "Rate of uploads through the target ÷ rate at the upstream without it, in the same round.", |stage| direct_percent(stage, uploaded)).higher(),
    row("throughput/download_mbs", MegabytesPerSecond, StageKind::Upload, &BANDWIDTH, "Size of the body of an answer ÷ median time from the first byte sent to the last byte of the answer, through the target, × users.", |stage| rate(stage, downloaded, 0.5)).key().benchmark().higher(),
    row("throughput/download_mbs_p95", MegabytesPerSecond, StageKind::Upload, &BANDWIDTH, "The same for the time that 5 % of the transfers do not exceed.", |stage| rate(stage, downloaded, 0.05)).higher(),
    row("throughput/download_direct_percent", Percent, StageKind::Upload, &ACHIEVED, "Rate of downloads through the target ÷ rate at the upstream without it, in the same round.", |stage| direct_percent(stage, downloaded)).higher(),
    row("upload/continue_p50", Millis, StageKind::Upload, &LATENCY, "Interim answer 100 read − sent, through the target, quantile 0.5. Absent unless the body of a request waits for it (`stream = { continue = true }`).", continued).by_arm(continued_ms),
    row("memory/transfer_growth", Bytes, StageKind::Upload, &GROWTH, "Largest resident memory of the target in a window of transfers − that before its first request. A target that holds whole bodies has at least their size.", growth).key(),
    row("cpu/us_per_megabyte", Micros, StageKind::Upload, &CPU_TIME, "CPU time of the target in a window ÷ megabytes of the transfers completed in it.", cpu_per_megabyte).key(),
    row("errors/upload_percent", Percent, StageKind::Upload, &ERRORS, "Requests through the target that failed ÷ requests of all valid rounds.", error_percent).exact(),
];

const NOT_CONTINUED: &str = "no body has waited for an interim answer 100; give a request stream = { continue = true }";

fn continued(stage: &StageRecord) -> Values {
    proxied(stage, NOT_CONTINUED, continued_ms)
}

fn continued_ms(trial: &TrialRecord) -> Option<f64> {
    quantile_ms(trial.load.continued.as_deref()?, 0.5)
}

pub(crate) const FACTS: &[Fact] = &[];

const NOT_UPLOADED: &str = "the requests have no streamed body";
const NOT_DOWNLOADED: &str = "the requests have a streamed body, or no expected length";

type Size = fn(&StageRecord) -> Result<u64, Absent>;

fn facts(stage: &StageRecord) -> Stage {
    match &stage.facts {
        StageFacts::Upload(facts) => *facts,
        _ => Stage::default(),
    }
}

fn uploaded(stage: &StageRecord) -> Result<u64, Absent> {
    facts(stage).upload_bytes.ok_or_else(|| Absent(NOT_UPLOADED.to_owned()))
}

fn downloaded(stage: &StageRecord) -> Result<u64, Absent> {
    facts(stage).download_bytes.ok_or_else(|| Absent(NOT_DOWNLOADED.to_owned()))
}

/// Returns the rate of transfers of `size` bytes that take the quantile `q` of the times.
fn megabytes_per_second(trial: &TrialRecord, size: u64, q: f64) -> Option<f64> {
    let span = trial.load.latencies.service.quantile(q)?;
    (span.0 > 0).then(|| size as f64 / 1e6 / span.as_secs_f64() * trial.connections as f64)
}

fn rate(stage: &StageRecord, size: Size, q: f64) -> Values {
    let size = size(stage)?;
    proxied(stage, NO_ANSWER, |trial| megabytes_per_second(trial, size, q))
}

fn direct_percent(stage: &StageRecord, size: Size) -> Values {
    let size = size(stage)?;
    let of = |round: &RoundRecord, arm| megabytes_per_second(round.trial(arm)?, size, 0.5);
    per_round(stage, "no direct arm", |round| Some(of(round, Arm::Proxied)? / of(round, Arm::Direct)? * 100.0))
}

fn growth(stage: &StageRecord) -> Values {
    memory_growth(stage, |instance| match instance.facts {
        InstanceFacts::Upload(Instance { idle_bytes }) => idle_bytes,
        _ => None,
    })
}

fn cpu_per_megabyte(stage: &StageRecord) -> Values {
    let size = uploaded(stage).or_else(|_| downloaded(stage))?;
    proxied(stage, "CPU time of the target could not be read, or no transfer was completed", |trial| {
        let megabytes = trial.load.completed_in_window as f64 * size as f64 / 1e6;
        (megabytes > 0.0).then_some(trial.readings.target_cpu_ns()? as f64 / 1e3 / megabytes)
    })
}
