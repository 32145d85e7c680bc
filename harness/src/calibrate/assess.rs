//! Derives a calibration from the record of its run.

use super::{CEILING, INSTANCES, NOISE, PACED, SAMPLER};
use crate::measure::calibration::{
    self, AbsentPart, BoundBy, Calibration, Ceiling, Figure, InstanceScatter, NOISE_FLOOR, NoiseFloor, PacerLag, Reach,
    Resolution, SCHEMA_VERSION, SamplerCost, StationCost,
};
use crate::measure::metric::Absent;
use crate::measure::record::{Record, StageRecord, StageStatus};
use crate::measure::trial::TrialRecord;
use crate::measure::usage::{ProcessUsage, Reading};
use crate::measure::{Arm, Pace};
use crate::measure::{InstanceRecord, LatencyHistogram};
use crate::plan::proposal::resolved;
use crate::verdict::Judgement;
use crate::verdict::bottleneck::Bound;
use crate::verdict::judgement::Measured;
use crate::work::load::{GAP, LoadWork};
use harness_base::units::{Nanos, Rate};
use harness_stats::{Estimate, Sample, Undefined, components, deviation};

/// Nanoseconds in the unit of latency metrics.
const MS: f64 = 1e6;

/// Durations of measuring for which the resolution is reported.
const SPANS: [Nanos; 3] = [Nanos::from_secs(10), Nanos::from_secs(60), Nanos::from_secs(600)];

/// Two latencies whose relative difference is smaller than this are one value in a histogram of three digits.
const STEP: f64 = 1e-3;

/// One of the two runs of [`super::plans()`], with its judgement.
pub(crate) type Judged<'a> = (&'a Record, &'a Judgement);

/// Derives the calibration from its two runs; the second one is absent where the first one was interrupted. Parts of stages that are not
/// valid are absent, with the reason.
pub(crate) fn assess((record, judgement): Judged<'_>, sidecar: Option<Judged<'_>>) -> Calibration {
    let mut absent = Vec::new();
    let noise_floor = keep(&mut absent, NOISE_FLOOR, noise_floor(record, judgement));
    let instances = sidecar.ok_or_else(|| Absent("the run ended before it".to_owned()));
    let instances = instances.and_then(|(record, judgement)| instance_scatter(record, judgement));
    let instances = keep(&mut absent, calibration::INSTANCES, instances);
    let ceiling = keep(&mut absent, "ceiling", ceiling(record, judgement));
    let sampler = keep(&mut absent, "sampler cost", sampler(record));
    let pacer =
        PACED.iter().filter_map(|name| keep(&mut absent, &format!("pacer lag of stage {name}"), paced(record, name)));
    let pacer = pacer.collect();
    let mut found = Calibration {
        schema_version: SCHEMA_VERSION,
        run_id: record.run_id.clone(),
        taken_at: record.started_at.clone(),
        took_ns: record.took_ns + sidecar.map_or(0, |(record, _)| record.took_ns),
        quick: record.scenario.quick,
        overrides: record.scenario.overrides.clone(),
        tool: record.tool.clone(),
        host: record.host.clone(),
        fingerprint: record.host.fingerprint(),
        noise_floor,
        instances,
        ceiling,
        sampler,
        pacer,
        absent,
    };
    let resolves: Vec<Resolution> = SPANS.iter().filter_map(|span| resolution(&found, *span)).collect();
    found.instances.iter_mut().for_each(|scatter| scatter.resolves.clone_from(&resolves));
    found
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
    let sample = sample(values.ok_or_else(|| Absent(why.to_owned()))?)?;
    Ok(figure(&Estimate::median(&sample), 1.0))
}

fn noise_floor(record: &Record, judgement: &Judgement) -> Result<NoiseFloor, Absent> {
    let stage = valid(record, NOISE)?;
    let (measured, difference) = metric(judgement, &format!("overhead/latency_p50@{NOISE}"))?;
    let direct = measured.arms.ok_or_else(|| Absent("one of its arms has no latency".to_owned()))?.direct;
    let differences: Vec<f64> = stage.instances.iter().flat_map(differences_ns).collect();
    let trial = first_trial(stage)?;
    let (p50_ns, difference_ns) = (figure(&direct, MS), figure(difference, MS));
    let biased = difference_ns.holds_zero() == Some(false);
    let step = STEP * p50_ns.point;
    Ok(NoiseFloor {
        rate: rate(stage)?,
        connections: trial.connections,
        window_ns: trial.load.window_ns,
        round_ns: round_ns(stage)?,
        p50_ns,
        difference_ns,
        scatter_ns: deviation(&sample(differences)?).map_err(undefined)?,
        least_ns: if biased { difference_ns.point.abs().max(step) } else { step },
        resolves: Vec::new(),
    })
}

/// Returns the scatter of the overhead between and within the instances of the bundled sidecar.
fn instance_scatter(record: &Record, judgement: &Judgement) -> Result<InstanceScatter, Absent> {
    let stage = valid(record, INSTANCES)?;
    let (_, overhead) = metric(judgement, &format!("overhead/latency_p50@{INSTANCES}"))?;
    let of_instances = stage.instances.iter().map(|instance| sample(differences_ns(instance).collect()));
    let found = components(&of_instances.collect::<Result<Vec<_>, _>>()?).map_err(undefined)?;
    let trial = first_trial(stage)?;
    Ok(InstanceScatter {
        rate: rate(stage)?,
        connections: trial.connections,
        window_ns: trial.load.window_ns,
        round_ns: round_ns(stage)?,
        overhead_ns: figure(overhead, MS),
        between_ns: found.between,
        within_ns: found.within,
        resolves: Vec::new(),
    })
}

/// Returns p50 of the proxied arm − p50 of the direct arm for each valid round.
fn differences_ns(instance: &InstanceRecord) -> impl Iterator<Item = f64> {
    instance.valid_rounds().filter_map(|round| {
        let p50 = |arm| Some(round.trial(arm)?.load.latencies.response.quantile(0.5)?.0 as f64);
        Some(p50(Arm::Proxied)? - p50(Arm::Direct)?)
    })
}

fn sample(values: Vec<f64>) -> Result<Sample, Absent> {
    Sample::new(values).map_err(|unusable| Absent(unusable.to_string()))
}

fn undefined(why: Undefined) -> Absent {
    Absent(why.to_string())
}

fn first_trial(stage: &StageRecord) -> Result<&TrialRecord, Absent> {
    let trial = stage.valid_rounds().find_map(|round| round.trials.first());
    trial.ok_or_else(|| Absent("no valid round".to_owned()))
}

/// Returns what an overhead stage resolves that takes so long, with as many instances as it has by default.
fn resolution(found: &Calibration, span: Nanos) -> Option<Resolution> {
    let scatter = found.instances.as_ref()?;
    let pace = Pace::constant(scatter.rate);
    // What is neither window nor gap is warm-up.
    let warmup = (scatter.round_ns / 2).saturating_sub(scatter.window_ns + GAP.0);
    let round = LoadWork::one_round(pace, scatter.connections, Nanos(warmup), Nanos(scatter.window_ns));
    let round = LoadWork { paired: true, ..round };
    let load = |rounds| {
        let load = LoadWork { rounds, ..round.clone() };
        LoadWork { instances: load.best_instances(), ..load }
    };
    let rounds = span.0 / round.round().0;
    // The launches take a part of the time.
    let fits = (1..=rounds).rev().map(load).find(|load| load.duration() <= span)?;
    let overhead_ns = resolved(found, &fits)?;
    Some(Resolution { measuring_ns: span.0, rounds: fits.rounds, instances: fits.instances, overhead_ns })
}

/// Returns the arrival rate of a stage.
fn rate(stage: &StageRecord) -> Result<Rate, Absent> {
    match stage.offered {
        Some(Pace::Open { rate, .. }) => Ok(rate),
        _ => Err(Absent("it has no arrival rate".to_owned())),
    }
}

/// Returns the median time from the first window of a round to that of the next round of the same instance.
fn round_ns(stage: &StageRecord) -> Result<u64, Absent> {
    let starts = |instance: &InstanceRecord| -> Vec<_> {
        instance.rounds.iter().filter_map(|round| Some(round.trials.first()?.load.window_start)).collect()
    };
    let pauses = stage.instances.iter().flat_map(|instance| {
        let starts = starts(instance);
        starts.windows(2).map(|pair| pair[1].since(pair[0]).0).collect::<Vec<_>>()
    });
    let mut pauses: Vec<u64> = pauses.filter(|pause| *pause > 0).collect();
    pauses.sort_unstable();
    let median = pauses.get(pauses.len() / 2).copied();
    median.ok_or_else(|| Absent("no two rounds follow each other".to_owned()))
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
