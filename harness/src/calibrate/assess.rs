//! Derives a calibration from the record of its run.

use std::f64::consts::FRAC_PI_2;

use super::{CEILING, NOISE, PACED, SAMPLER};
use crate::measure::calibration::{
    AbsentPart, BoundBy, Calibration, Ceiling, Figure, NOISE_FLOOR, NoiseFloor, PacerLag, Reach, Resolution,
    SCHEMA_VERSION, SamplerCost, StationCost,
};
use crate::measure::metric::Absent;
use crate::measure::record::{Record, StageRecord, StageStatus};
use crate::measure::usage::{ProcessUsage, Reading};
use crate::measure::{Arm, Pace};
use crate::measure::{InstanceRecord, LatencyHistogram};
use crate::plan::proposal::resolved;
use crate::verdict::Judgement;
use crate::verdict::bottleneck::Bound;
use crate::verdict::judgement::Measured;
use harness_base::units::{Nanos, Rate};
use harness_stats::{Estimate, Sample, median_error};

/// Nanoseconds in the unit of latency metrics.
const MS: f64 = 1e6;

/// Durations of measuring for which the resolution is reported.
const SPANS: [Nanos; 3] = [Nanos::from_secs(10), Nanos::from_secs(60), Nanos::from_secs(600)];

/// Two latencies whose relative difference is smaller than this are one value in a histogram of three digits.
const STEP: f64 = 1e-3;

/// Derives the calibration from the record of [`super::plan()`]. Parts of stages that are not valid are absent, with the
/// reason.
pub fn assess(record: &Record, judgement: &Judgement) -> Calibration {
    let mut absent = Vec::new();
    let noise_floor = keep(&mut absent, NOISE_FLOOR, noise_floor(record, judgement));
    let ceiling = keep(&mut absent, "ceiling", ceiling(record, judgement));
    let sampler = keep(&mut absent, "sampler cost", sampler(record));
    let pacer =
        PACED.iter().filter_map(|name| keep(&mut absent, &format!("pacer lag of stage {name}"), paced(record, name)));
    let pacer = pacer.collect();
    Calibration {
        schema_version: SCHEMA_VERSION,
        run_id: record.run_id.clone(),
        taken_at: record.started_at.clone(),
        took_ns: record.took_ns,
        quick: record.scenario.quick,
        overrides: record.scenario.overrides.clone(),
        tool: record.tool.clone(),
        host: record.host.clone(),
        fingerprint: record.host.fingerprint(),
        noise_floor,
        ceiling,
        sampler,
        pacer,
        absent,
    }
}

fn keep<T>(absent: &mut Vec<AbsentPart>, part: &str, found: Result<T, Absent>) -> Option<T> {
    found.map_err(|Absent(reason)| absent.push(AbsentPart { part: part.to_owned(), reason })).ok()
}

/// Returns a stage if it is valid.
fn valid<'a>(record: &'a Record, name: &str) -> Result<&'a StageRecord, Absent> {
    let stage = record.stages.iter().find(|stage| stage.name == name);
    let stage = stage.ok_or_else(|| Absent("the run ended before it".to_owned()))?;
    match &stage.status {
        StageStatus::Valid => Ok(stage),
        StageStatus::Invalid(_) => Err(Absent(format!("INVALID: {}", stage.status.reasons().join("; ")))),
        StageStatus::Failed(failure) | StageStatus::Skipped(failure) => Err(Absent(failure.to_string())),
        StageStatus::Incomplete => Err(Absent("the run was stopped before it was complete".to_owned())),
    }
}

/// Returns the metric of a stage if it has a value.
fn metric<'a>(judgement: &'a Judgement, id: &str) -> Result<(&'a Measured, &'a Estimate), Absent> {
    let metric = judgement.metric(id).ok_or_else(|| Absent(format!("{id} was not measured")))?;
    let none = || Absent(metric.absence().unwrap_or("no reason was recorded").to_owned());
    Ok((metric, metric.estimate().ok_or_else(none)?))
}

fn figure(estimate: &Estimate, scale: f64) -> Figure {
    let ends = estimate.interval.map(|interval| [interval.low * scale, interval.high * scale]);
    Figure { point: estimate.point * scale, ends, n: estimate.n }
}

/// Returns the median of values, one per round or launch; absent if one of them is missing.
fn median(values: impl Iterator<Item = Option<f64>>, why: &str) -> Result<Figure, Absent> {
    let values: Option<Vec<f64>> = values.collect();
    let sample = Sample::new(values.ok_or_else(|| Absent(why.to_owned()))?);
    sample.map(|sample| figure(&Estimate::median(&sample), 1.0)).map_err(|unusable| Absent(unusable.to_string()))
}

fn noise_floor(record: &Record, judgement: &Judgement) -> Result<NoiseFloor, Absent> {
    let stage = valid(record, NOISE)?;
    let (measured, difference) = metric(judgement, &format!("overhead/latency_p50@{NOISE}"))?;
    let direct = measured.arms.ok_or_else(|| Absent("one of its arms has no latency".to_owned()))?.direct;
    let error = median_error(difference).map_err(|undefined| Absent(undefined.to_string()))? * MS;
    let round = round_ns(stage).ok_or_else(|| Absent("no two rounds follow each other".to_owned()))?;
    let trial = stage.valid_rounds().find_map(|round| round.trials.first());
    let trial = trial.ok_or_else(|| Absent("no valid round".to_owned()))?;
    let (p50_ns, difference_ns) = (figure(&direct, MS), figure(difference, MS));
    let biased = difference_ns.holds_zero() == Some(false);
    let step = STEP * p50_ns.point;
    let floor = NoiseFloor {
        rate: rate(stage)?,
        connections: trial.connections,
        window_ns: trial.load.window_ns,
        round_ns: round,
        p50_ns,
        difference_ns,
        // The standard error of a median of n normal values is √(π ÷ 2n) of their deviation.
        scatter_ns: error * (difference.n as f64 / FRAC_PI_2).sqrt(),
        least_ns: if biased { difference_ns.point.abs().max(step) } else { step },
        resolves: Vec::new(),
    };
    let resolution = |span: &Nanos| {
        let rounds = span.0 / round;
        Some(Resolution { measuring_ns: span.0, rounds, overhead_ns: resolved(&floor, rounds)? })
    };
    let resolves = SPANS.iter().filter_map(resolution).collect();
    Ok(NoiseFloor { resolves, ..floor })
}

/// Returns the arrival rate of a stage.
fn rate(stage: &StageRecord) -> Result<Rate, Absent> {
    match stage.offered {
        Some(Pace::Open { rate, .. }) => Ok(rate),
        _ => Err(Absent("it has no arrival rate".to_owned())),
    }
}

/// Returns the median time from the first window of a round to that of the next round of the same instance.
fn round_ns(stage: &StageRecord) -> Option<u64> {
    let starts = |instance: &InstanceRecord| -> Vec<_> {
        instance.rounds.iter().filter_map(|round| Some(round.trials.first()?.load.window_start)).collect()
    };
    let pauses = stage.instances.iter().flat_map(|instance| {
        let starts = starts(instance);
        starts.windows(2).map(|pair| pair[1].since(pair[0]).0).collect::<Vec<_>>()
    });
    let mut pauses: Vec<u64> = pauses.filter(|pause| *pause > 0).collect();
    pauses.sort_unstable();
    pauses.get(pauses.len() / 2).copied()
}

fn ceiling(record: &Record, judgement: &Judgement) -> Result<Ceiling, Absent> {
    let stage = valid(record, CEILING)?;
    let Some(Pace::Closed { vus }) = stage.offered else {
        return Err(Absent("it is not a closed loop".to_owned()));
    };
    let (_, reached) = metric(judgement, &format!("throughput/rps_{vus}vu@{CEILING}"))?;
    let found = judgement.stages.iter().find(|found| found.name == CEILING).and_then(|found| found.bottleneck.as_ref());
    let bound = found.ok_or_else(|| Absent("the bottleneck of the rate was not found".to_owned()))?;
    let cost = |who: &str, of: fn(&Reading) -> Option<&ProcessUsage>, is: Bound| -> Result<StationCost, Absent> {
        let reach = if bound.by == is { Reach::Ceiling } else { Reach::AtLeast };
        let per_request = stage.valid_rounds().map(|round| {
            let trial = round.trial(Arm::Proxied)?;
            let used = trial.readings.own_cpu_ns(of)? as f64;
            let completed = trial.load.completed_in_window;
            (completed > 0).then(|| used / completed as f64)
        });
        let cpu_ns_per_request = median(per_request, &format!("CPU time of the {who} could not be read"))?;
        Ok(StationCost { cpu_ns_per_request, reach })
    };
    Ok(Ceiling {
        vus,
        rate_per_second: figure(reached, 1.0),
        bound: BoundBy {
            by: bound.by.words().to_owned(),
            message: bound.message.clone(),
            rounds: bound.rounds,
            of: bound.of,
        },
        generator: cost("generator", |reading| reading.generator.as_ref(), Bound::Generator)?,
        upstream: cost("upstream", |reading| reading.upstream.as_ref(), Bound::Upstream)?,
    })
}

/// Returns the CPU time of the control process between the readings of windows in which it only samples.
fn sampler(record: &Record) -> Result<SamplerCost, Absent> {
    let stage = valid(record, SAMPLER)?;
    let series = || stage.instances.iter().filter_map(|instance| instance.facts.readings());
    let per_reading = series().map(|series| {
        let (first, last) = series.edges()?;
        let used = last.control_cpu_ns.checked_sub(first.control_cpu_ns)?;
        // A part of the cost of the first reading is spent before it reads the clock.
        Some(used as f64 / (series.0.len() - 1) as f64)
    });
    let cpu_ns_per_reading = median(per_reading, "a window has fewer than two readings")?;
    let mut gaps: Vec<u64> =
        series().flat_map(|series| series.0.windows(2)).map(|pair| pair[1].at.since(pair[0].at).0).collect();
    gaps.sort_unstable();
    let period_ns = gaps.get(gaps.len() / 2).copied();
    Ok(SamplerCost {
        period_ns: period_ns.ok_or_else(|| Absent("no two readings follow each other".to_owned()))?,
        cpu_ns_per_reading,
        readings: series().map(|series| series.0.len() as u64).sum(),
    })
}

fn paced(record: &Record, name: &str) -> Result<PacerLag, Absent> {
    let stage = valid(record, name)?;
    let mut all = LatencyHistogram::default();
    let trials = stage.valid_rounds().flat_map(|round| &round.trials);
    trials.for_each(|trial| all.merge(&trial.load.latencies.pacer_lag));
    let lag = all.quantiles().ok_or_else(|| Absent("no request was released".to_owned()))?;
    Ok(PacerLag { rate: rate(stage)?, lag })
}
