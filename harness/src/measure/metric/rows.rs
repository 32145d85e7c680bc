//! The rows themselves, and how each value is taken from a stage's record.

use super::bencher::{
    COUNT, COUNT_GROWTH, CPU_PERCENT, CPU_TIME, DRIFT, FILE_SIZE, GROWTH, LATENCY, LATENCY_TAIL, MEMORY, OVERHEAD,
    OVERHEAD_PERCENT, THROTTLED, THROUGHPUT,
};
use super::constrained;
use super::facts::image;
use super::imported;
use super::soak;
use super::{Absent, Better, Kind, Limit, Measure, Metric, Unit};
use crate::measure::record::{InstanceRecord, RoundRecord, StageKind, StageRecord};
use crate::measure::soak::Quantity;
use crate::measure::trial::TrialRecord;
use harness_image::types::{COMPRESSED, LAYERS};
use harness_load::facts::Arm;
use harness_load::latency::LatencyHistogram;

pub(super) type Values = Result<Vec<f64>, Absent>;

/// A row of the common kind: sampled, lower is better, no claim in REQ-OBS-001.
const fn row(
    id: &'static str,
    unit: Unit,
    stage: StageKind,
    bencher: &'static Measure,
    about: &'static str,
    of: fn(&StageRecord) -> Values,
) -> Metric {
    Metric {
        id,
        req: None,
        unit,
        better: Better::Lower,
        kind: Kind::Sampled,
        stage,
        bencher,
        target: None,
        about,
        requests: 0,
        of,
        by_arm: None,
        trend: None,
    }
}

impl Metric {
    const fn req(mut self, req: &'static str, target: f64) -> Self {
        self.req = Some(req);
        self.target = Some(Limit { value: target });
        self
    }

    const fn higher(mut self) -> Self {
        self.better = Better::Higher;
        self
    }

    const fn exact(mut self) -> Self {
        self.kind = Kind::Exact;
        self
    }

    /// A far quantile: it scatters by some 6 % at 1,000 requests a round and by 2 % at 10,000.
    const fn tail(mut self) -> Self {
        self.requests = 10_000;
        self
    }

    /// Not the median of its values, but how they change.
    const fn trend(mut self, quantity: Quantity) -> Self {
        self.trend = Some(quantity);
        self
    }

    const fn by_arm(mut self, of: fn(&TrialRecord) -> Option<f64>) -> Self {
        self.by_arm = Some(of);
        self
    }
}

use StageKind::{Artifact, Capacity, Constrained, Idle, Import, Overhead, Soak, Startup};
use Unit::{Bytes, Count, Micros, Millis, PerSecond, Percent};

pub const METRICS: &[Metric] = &[
    row("binary/size", Bytes, Artifact, &FILE_SIZE, "Size of the target's executable file.", binary_size)
        .req("M-BIN-001", 15e6)
        .exact(),
    row("binary/docker_image_compressed", Bytes, Artifact, &FILE_SIZE, "Download size of the image for one platform: configuration and compressed layers. Estimated if layers are stored uncompressed.", image_compressed)
        .req("M-BIN-002", 10e6)
        .exact(),
    row("binary/docker_layers", Count, Artifact, &COUNT, "Number of layers of the image; REQ-OBS-001 allows 5.", image_layers)
        .req("M-BIN-003", 6.0)
        .exact(),
    row("startup/to_listen", Millis, Startup, &LATENCY, "Time from directly before the spawn to the first successful TCP connect to the proxy endpoint.", to_listen),
    row("startup/to_healthy", Millis, Startup, &LATENCY, "Time from directly before the spawn to the first expected answer of the health endpoint.", to_healthy)
        .req("M-START-001", 100.0),
    row("startup/to_ready", Millis, Startup, &LATENCY, "Time from directly before the spawn to the first expected answer of the ready endpoint.", to_ready)
        .req("M-START-003", 150.0),
    row("memory/idle_rss", Bytes, Idle, &MEMORY, "Median resident memory of a ready target without traffic, one value per launch. PSS for a tree of several processes.", idle_rss)
        .req("M-MEM-001", 20e6),
    row("memory/idle_pss", Bytes, Idle, &MEMORY, "Median proportional set size (PSS) of a ready target without traffic, which divides shared pages among the processes that share them.", idle_pss),
    row("cpu/idle_percent", Percent, Idle, &CPU_PERCENT, "CPU time of a ready target without traffic ÷ wall time; 100 % is one core.", idle_cpu)
        .req("M-CPU-001", 1.0),
    row("latency/p50", Millis, Overhead, &LATENCY, "Response time (last byte − intended start) through the target, quantile 0.5.", |stage| response(stage, 0.5)).by_arm(|trial| response_ms(trial, 0.5))
        .req("M-LAT-001", 5.0),
    row("latency/p95", Millis, Overhead, &LATENCY, "Response time through the target, quantile 0.95.", |stage| response(stage, 0.95)).by_arm(|trial| response_ms(trial, 0.95))
        .req("M-LAT-002", 15.0),
    row("latency/p99", Millis, Overhead, &LATENCY_TAIL, "Response time through the target, quantile 0.99. Advisory below 10,000 requests per round.", |stage| response(stage, 0.99)).by_arm(|trial| response_ms(trial, 0.99)).tail()
        .req("M-LAT-003", 50.0),
    row("latency/service_p50", Millis, Overhead, &LATENCY, "Service time (last byte − sent) through the target, quantile 0.5.", |stage| service(stage, 0.5)).by_arm(|trial| service_ms(trial, 0.5)),
    row("latency/service_p95", Millis, Overhead, &LATENCY, "Service time through the target, quantile 0.95.", |stage| service(stage, 0.95)).by_arm(|trial| service_ms(trial, 0.95)),
    row("latency/service_p99", Millis, Overhead, &LATENCY_TAIL, "Service time through the target, quantile 0.99.", |stage| service(stage, 0.99)).by_arm(|trial| service_ms(trial, 0.99)).tail(),
    row("ttfb/p95", Millis, Overhead, &LATENCY, "Time to the response headers (headers − sent) through the target, quantile 0.95.", ttfb_p95).by_arm(|trial| quantile_ms(&trial.load.latencies.ttfb, 0.95)).req("M-TTFB-001", 10.0),
    row("overhead/latency_p50", Millis, Overhead, &OVERHEAD, "Median over rounds of p50(proxied) − p50(direct), response time at the same arrival rate.", |stage| overhead(stage, 0.5)).by_arm(|trial| response_ms(trial, 0.5))
        .req("M-OH-001", 2.0),
    row("overhead/latency_p95", Millis, Overhead, &OVERHEAD, "Median over rounds of p95(proxied) − p95(direct): a shift of the quantile, not the extra time of single requests.", |stage| overhead(stage, 0.95)).by_arm(|trial| response_ms(trial, 0.95)),
    row("overhead/latency_p99", Millis, Overhead, &OVERHEAD, "The same for quantile 0.99.", |stage| overhead(stage, 0.99)).by_arm(|trial| response_ms(trial, 0.99)).tail(),
    row("overhead/percent_p50", Percent, Overhead, &OVERHEAD_PERCENT, "p50(proxied) ÷ p50(direct) − 1 per round. Absent without an upstream delay, because the value then depends mostly on the speed of the upstream.", percent_p50)
        .req("M-OH-002", 10.0),
    row("cpu/under_load_percent", Percent, Overhead, &CPU_PERCENT, "CPU time of the target ÷ wall time in the windows of the proxied arm; 100 % is one core.", load_cpu)
        .req("M-CPU-002", 50.0),
    row("cpu/us_per_request", Micros, Overhead, &CPU_TIME, "CPU time of the target in a window ÷ requests completed in it. Includes the CPU time that the target uses when idle.", cpu_per_request),
    row("memory/under_load_rss", Bytes, Overhead, &MEMORY, "Median resident memory of the target in the windows of the proxied arm. PSS for a tree of several processes.", load_rss)
        .req("M-MEM-002", 100e6),
    row("memory/peak_rss", Bytes, Overhead, &MEMORY, "Largest VmHWM of the target in a window of the proxied arm, reset at the start of the window.", peak_rss)
        .req("M-MEM-003", 150e6),
    row("throughput/rps_{vus}vu", PerSecond, Capacity, &THROUGHPUT, "Valid responses completed in the window ÷ its length, with users that never pause.", rps).by_arm(TrialRecord::rps)
        .req("M-TP-001", 10_000.0)
        .higher(),
    row("latency/capacity_p50", Millis, Capacity, &LATENCY, "Service time at capacity, closed loop, quantile 0.5.", |stage| service(stage, 0.5)).by_arm(|trial| service_ms(trial, 0.5)),
    row("latency/capacity_p95", Millis, Capacity, &LATENCY, "Service time at capacity, quantile 0.95.", |stage| service(stage, 0.95)).by_arm(|trial| service_ms(trial, 0.95)),
    row("latency/capacity_p99", Millis, Capacity, &LATENCY_TAIL, "Service time at capacity, quantile 0.99.", |stage| service(stage, 0.99)).by_arm(|trial| service_ms(trial, 0.99)).tail(),
    row("throughput/rps_constrained", PerSecond, Constrained, &THROUGHPUT, "Valid responses completed in the window ÷ its length, within the stage's resource limits.", rps).by_arm(TrialRecord::rps)
        .req("M-TP-002", 5_000.0)
        .higher(),
    row("latency/constrained_p50", Millis, Constrained, &LATENCY, "Response time within the limits, quantile 0.5. In a closed loop, service time.", |stage| response(stage, 0.5)).by_arm(|trial| response_ms(trial, 0.5)),
    row("latency/constrained_p95", Millis, Constrained, &LATENCY, "The same for quantile 0.95.", |stage| response(stage, 0.95)).by_arm(|trial| response_ms(trial, 0.95)),
    row("latency/constrained_p99", Millis, Constrained, &LATENCY_TAIL, "The same for quantile 0.99. If the CPU limit throttles the target, this is mostly the wait for the next period.", |stage| response(stage, 0.99)).by_arm(|trial| response_ms(trial, 0.99)).tail(),
    row("memory/constrained_rss", Bytes, Constrained, &MEMORY, "Median resident memory of the target in the windows of the proxied arm. PSS for a tree of several processes.", load_rss)
        .req("M-MEM-004", 100e6),
    row("memory/constrained_peak", Bytes, Constrained, &MEMORY, "Largest memory charged to the target's control group in a window of the proxied arm. The memory limit applies to this value, which includes the page cache.", constrained::peak),
    row("cpu/constrained_percent", Percent, Constrained, &CPU_PERCENT, "CPU time charged to the target's control group ÷ wall time in the windows of the proxied arm; 100 % is one core.", constrained::cpu),
    row("cpu/constrained_us_per_request", Micros, Constrained, &CPU_TIME, "CPU time charged to the target's control group in a window ÷ requests completed in it.", constrained::cpu_per_request),
    row("cpu/throttled_percent", Percent, Constrained, &THROTTLED, "Periods of the CPU limit in which the target was throttled ÷ periods in which it was runnable, in the windows of the proxied arm.", constrained::throttled_periods),
    row("cpu/throttled_time_percent", Percent, Constrained, &THROTTLED, "Time for which the target was throttled ÷ wall time, summed over CPUs, so it may exceed 100 %.", constrained::throttled_time),
    row("latency/soak_p50", Millis, Soak, &LATENCY, "Response time in each window of a soak, quantile 0.5, with two significant digits. In a closed loop, service time.", soak::p50),
    row("latency/soak_p99", Millis, Soak, &LATENCY_TAIL, "The same for quantile 0.99.", soak::p99).tail(),
    row("throughput/rps_soak", PerSecond, Soak, &THROUGHPUT, "Valid responses completed in each window of a soak ÷ its length.", soak::rps).higher(),
    row("memory/soak_trough", Bytes, Soak, &MEMORY, "Smallest memory reading of the target in each window of a soak: PSS if every window has it, otherwise RSS of a single process.", soak::memory),
    row("cpu/soak_us_per_request", Micros, Soak, &CPU_TIME, "CPU time of the target in a window of a soak ÷ valid responses completed in it.", soak::cpu_per_request),
    row("soak/memory_per_day", Bytes, Soak, &GROWTH, "Growth of the memory troughs per day: Theil–Sen slope with a block-bootstrap interval, see [soak](soak.md).", soak::memory).trend(Quantity::Memory),
    row("soak/descriptors_per_day", Count, Soak, &COUNT_GROWTH, "Growth of the troughs of open descriptors per day.", |stage| soak::values(stage, Quantity::Descriptors)).trend(Quantity::Descriptors),
    row("soak/threads_per_day", Count, Soak, &COUNT_GROWTH, "Growth of the troughs of threads per day.", |stage| soak::values(stage, Quantity::Threads)).trend(Quantity::Threads),
    row("soak/p99_rise", Percent, Soak, &DRIFT, "Increase of the windows' p99 over the soak, relative to its median.", soak::p99).trend(Quantity::P99),
    row("soak/rate_loss", Percent, Soak, &DRIFT, "Decrease of valid responses per second over the soak, relative to their median.", soak::rps).trend(Quantity::Rate),
    row("policy/eval_p50", Micros, Import, &LATENCY, "In-process evaluation time of one policy, measured by Criterion: median of its samples, each the mean of one batch of iterations.", imported::eval_p50)
        .req("M-POL-001", 100.0),
    row("policy/eval_p99", Micros, Import, &LATENCY_TAIL, "The same, quantile 0.99 of the samples. Advisory, because the mean of a batch hides its slowest evaluations.", imported::eval_p99)
        .req("M-POL-002", 500.0),
    row("policy/reload_time", Millis, Import, &LATENCY, "In-process time of reloading the policies, measured by Criterion: median of its samples.", imported::reload_time)
        .req("M-POL-003", 100.0),
];

fn absent<T>(reason: &str) -> Result<T, Absent> {
    Err(Absent(reason.to_owned()))
}

fn binary_size(stage: &StageRecord) -> Values {
    let why = match stage.image {
        Some(_) => "the program is inside the image",
        None => "builtin: the bundled program is part of the harness binary",
    };
    stage.binary_size_bytes.map(|bytes| vec![bytes as f64]).ok_or_else(|| Absent(why.to_owned()))
}

fn image_compressed(stage: &StageRecord) -> Values {
    let image = image(stage)?;
    image.compressed_bytes.map(|count| vec![count.bytes as f64]).ok_or_else(|| Absent(image.why(COMPRESSED)))
}

fn image_layers(stage: &StageRecord) -> Values {
    let image = image(stage)?;
    image.layers.map(|layers| vec![layers as f64]).ok_or_else(|| Absent(image.why(LAYERS)))
}

/// One value per launch; absent as soon as one launch has none.
fn per_launch(stage: &StageRecord, why: &str, of: impl Fn(&InstanceRecord) -> Option<f64>) -> Values {
    let values: Option<Vec<f64>> = stage.instances.iter().map(of).collect();
    values.filter(|values| !values.is_empty()).ok_or_else(|| Absent(why.to_owned()))
}

fn launch_ms(stage: &StageRecord, why: &str, of: fn(&InstanceRecord) -> Option<u64>) -> Values {
    per_launch(stage, why, |instance| of(instance).map(|ns| ns as f64 / 1e6))
}

fn to_listen(stage: &StageRecord) -> Values {
    launch_ms(stage, "no proxy endpoint in the scenario", |instance| instance.launch.listening_ns)
}

fn to_healthy(stage: &StageRecord) -> Values {
    launch_ms(stage, "no health endpoint in the scenario", |instance| instance.launch.healthy_ns)
}

fn to_ready(stage: &StageRecord) -> Values {
    launch_ms(stage, "no ready endpoint in the scenario", |instance| instance.launch.ready_ns)
}

fn idle_rss(stage: &StageRecord) -> Values {
    per_launch(stage, "memory of the target could not be read", |instance| {
        median_bytes(instance.idle.as_ref()?.target_memory())
    })
}

fn idle_pss(stage: &StageRecord) -> Values {
    per_launch(stage, "smaps_rollup of the target could not be read", |instance| {
        let trees = instance.idle.as_ref()?.0.iter().filter_map(|reading| reading.target);
        median_bytes(trees.filter_map(|tree| tree.pss_bytes).collect())
    })
}

fn idle_cpu(stage: &StageRecord) -> Values {
    per_launch(stage, "CPU time of the target could not be read", |instance| {
        let idle = instance.idle.as_ref()?;
        Some(idle.target_cpu_ns()? as f64 / idle.span_ns()? as f64 * 100.0)
    })
}

/// One value per valid round; absent as soon as one round has none.
fn per_round(stage: &StageRecord, why: &str, of: impl Fn(&RoundRecord) -> Option<f64>) -> Values {
    let values: Option<Vec<f64>> = stage.valid_rounds().map(of).collect();
    values.filter(|values| !values.is_empty()).ok_or_else(|| Absent(why.to_owned()))
}

fn quantile_ms(histogram: &LatencyHistogram, quantile: f64) -> Option<f64> {
    histogram.quantile(quantile).map(|span| span.as_millis_f64())
}

fn response_ms(trial: &TrialRecord, q: f64) -> Option<f64> {
    quantile_ms(&trial.load.latencies.response, q)
}

fn service_ms(trial: &TrialRecord, q: f64) -> Option<f64> {
    quantile_ms(&trial.load.latencies.service, q)
}

/// One value per valid round, of its proxied trial (the only one where there is no upstream).
pub(super) fn proxied(stage: &StageRecord, why: &str, of: impl Fn(&TrialRecord) -> Option<f64>) -> Values {
    per_round(stage, why, |round| of(round.trial(Arm::Proxied)?))
}

const NO_ANSWER: &str = "no valid round with a valid answer";

fn response(stage: &StageRecord, q: f64) -> Values {
    proxied(stage, NO_ANSWER, |trial| response_ms(trial, q))
}

fn service(stage: &StageRecord, q: f64) -> Values {
    proxied(stage, NO_ANSWER, |trial| service_ms(trial, q))
}

fn ttfb_p95(stage: &StageRecord) -> Values {
    proxied(stage, NO_ANSWER, |trial| quantile_ms(&trial.load.latencies.ttfb, 0.95))
}

/// Direct and proxied quantile of one round, in milliseconds.
fn pair(round: &RoundRecord, q: f64) -> Option<(f64, f64)> {
    let of = |arm| response_ms(round.trial(arm)?, q);
    Some((of(Arm::Direct)?, of(Arm::Proxied)?))
}

const NO_DIRECT: &str = "no direct arm: the scenario has no upstream";

fn overhead(stage: &StageRecord, q: f64) -> Values {
    per_round(stage, NO_DIRECT, |round| pair(round, q).map(|(direct, proxied)| proxied - direct))
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

fn load_rss(stage: &StageRecord) -> Values {
    proxied(stage, "memory of the target could not be read", |trial| median_bytes(trial.readings.target_memory()))
}

fn peak_rss(stage: &StageRecord) -> Values {
    proxied(stage, "the kernel did not let the peak be reset, so it would cover the target's whole life", |trial| {
        trial.peak_rss_bytes.map(|bytes| bytes as f64)
    })
}

fn rps(stage: &StageRecord) -> Values {
    proxied(stage, "no valid round", TrialRecord::rps)
}

/// Lower median, so that the value is one that was read.
fn median_bytes(mut bytes: Vec<u64>) -> Option<f64> {
    bytes.sort_unstable();
    bytes.get(bytes.len().checked_sub(1)? / 2).map(|middle| *middle as f64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::find;
    use super::*;

    #[test]
    fn ids_are_unique_and_well_formed() {
        let ids: BTreeSet<&str> = METRICS.iter().map(|metric| metric.id).collect();
        assert_eq!(ids.len(), METRICS.len());
        for id in ids {
            let parts: Vec<&str> = id.split('/').collect();
            assert!(parts.len() == 2 && parts.iter().all(|part| !part.is_empty()), "{id}");
        }
    }

    #[test]
    fn an_id_finds_its_row() {
        assert_eq!(find("throughput/rps_10vu").map(|metric| metric.id), Some("throughput/rps_{vus}vu"));
        assert_eq!(find("latency/p50@overhead-64k").map(|metric| metric.id), Some("latency/p50"));
        assert!(find("throughput/rps_vu").is_none() && find("latency/p51").is_none());
    }

    #[test]
    fn a_binary_without_a_file_of_its_own_has_no_size() {
        assert!(binary_size(&StageRecord::default()).is_err());
        let stage = StageRecord { binary_size_bytes: Some(8_432_640), ..StageRecord::default() };
        assert_eq!(binary_size(&stage), Ok(vec![8_432_640.0]));
    }
}
