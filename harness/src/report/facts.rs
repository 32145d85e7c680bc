//! Formats sentences about a record that several formats use.

use std::collections::BTreeMap;

use super::calibration::quote;
use super::pods;
use super::stage::show;
use crate::measure::Arm;
use crate::measure::HostFacts;
use crate::measure::Pace;
use crate::measure::audit::Tag;
use crate::measure::audit::judged_lag;
use crate::measure::latency::LatencyHistogram;
use crate::measure::reason::{Problem, Reason};
use crate::measure::record::{Record, Retry, RoundRecord, StageRecord, StageStatus};
use crate::measure::rejection::rejections;
use crate::measure::trial::{Build, TrialRecord};
use crate::verdict::Judgement;
use crate::verdict::judgement::{Finding, FindingKind, Ground, StageFinding, Topic};
use crate::verdict::parts::noun;
use harness_base::units::{Bytes, Nanos, Ratio, grouped};

/// Share of a core above which the sampler disturbs the measurement.
const COSTLY_SAMPLER: f64 = 0.005;

/// Formats scenario, run, time and duration.
pub(super) fn run(record: &Record) -> String {
    let quick = if record.scenario.quick { " · quick" } else { "" };
    let took = Nanos(record.took_ns);
    format!("{} · {} · {} · took {took}{quick}", record.scenario.name, record.run_id, record.started_at)
}

/// Returns name, state and work of each stage.
pub(super) fn stages(record: &Record, judgement: &Judgement) -> Vec<[String; 3]> {
    // Both builds do the same work, so the description of the head applies to each.
    let head = record.is_compared().then(|| record.of_build(Build::Head));
    let stages = &head.as_ref().unwrap_or(record).stages;
    let pairs = stages.iter().zip(&judgement.stages);
    let each = |stage: &StageRecord| if head.is_some() && !stage.instances.is_empty() { ", of each build" } else { "" };
    let line = |(stage, found): (&StageRecord, &StageFinding)| {
        [stage.name.clone(), found.status.word().to_owned(), (show(stage.kind()).done)(stage) + each(stage)]
    };
    pairs.map(line).collect()
}

/// Iterates over the trials of the valid rounds.
fn trials(stage: &StageRecord) -> impl Iterator<Item = &TrialRecord> {
    stage.valid_rounds().flat_map(|round| &round.trials)
}

/// Describes what bounds each rate; the tags of valid rounds, with the ceiling of the direct arm; and outliers.
pub(super) fn notes(stages: &[&StageRecord], judgement: &Judgement) -> Vec<String> {
    let of = |stage: &StageRecord| {
        let notes = bottleneck(stage, judgement).into_iter().chain(stage_notes(stage, judgement));
        let rest = throttling(stage, judgement).into_iter().chain(outliers(stage, judgement));
        notes.chain(rest).chain(judged(stage, judgement)).collect::<Vec<_>>()
    };
    stages.iter().copied().flat_map(of).collect()
}

fn bottleneck(stage: &StageRecord, judgement: &Judgement) -> Option<String> {
    let found = judgement.stages.iter().find(|found| found.name == stage.name)?;
    found.bottleneck.as_ref().map(|bottleneck| format!("{}: {bottleneck}", stage.name))
}

/// Describes patterns in the rounds that medians hide.
fn judged(stage: &StageRecord, judgement: &Judgement) -> Vec<String> {
    let found = judgement.stages.iter().filter(|found| found.name == stage.name);
    found.flat_map(|found| &found.notes).map(|note| format!("{}: {note}", stage.name)).collect()
}

/// Explains the far quantiles of a stage with a CPU limit.
fn throttling(stage: &StageRecord, judgement: &Judgement) -> Option<String> {
    const PERIOD_MS: f64 = 100.0;
    let cpus = stage.limits?.cpus?;
    let measured = judgement.metrics.iter().filter(|metric| metric.stage == stage.name);
    let share = measured
        .filter(|metric| metric.name().starts_with("throttled_percent"))
        .find_map(|metric| metric.estimate())?;
    (share.point >= 1.0).then(|| {
        let quota = Nanos((cpus * PERIOD_MS * 1e6) as u64);
        let shows = match stage.offered {
            Some(Pace::Closed { vus }) => format!(
                "in a closed loop no more than {vus} requests wait in each period, so quantiles show it only where few requests \
                 fit into one: give the stage a `rate` to see it"
            ),
            _ => "far quantiles step by the length of that wait".to_owned(),
        };
        format!(
            "{}: throttled in {:.0} % of the periods. {cpus} CPUs are {quota} of CPU time in each period of {PERIOD_MS} ms; a \
             request that comes when it is used up waits for the next one, and {shows}",
            stage.name, share.point
        )
    })
}

/// Number of outliers that are named before the rest is counted.
const OUTLIERS: usize = 3;

/// Lists outliers of a stage by round or launch, because a disturbed round affects several metrics at once.
fn outliers(stage: &StageRecord, judgement: &Judgement) -> Option<String> {
    let mut by_position: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for metric in judgement.metrics.iter().filter(|metric| metric.stage == stage.name) {
        for position in metric.outliers() {
            by_position.entry(*position).or_default().push(&metric.id);
        }
    }
    let noun = noun(stage);
    let one = |(position, ids): (usize, Vec<&str>)| {
        let more = ids.len() - 1;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{noun} {} ({}{more})", position + 1, ids[0])
    };
    let all: Vec<String> = by_position.into_iter().map(one).collect();
    let more = all.len().saturating_sub(OUTLIERS);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let named = all[..all.len().min(OUTLIERS)].join(", ");
    (!all.is_empty()).then(|| format!("{}: far from the others, and counted: {named}{more}", stage.name))
}

fn stage_notes(stage: &StageRecord, judgement: &Judgement) -> Vec<String> {
    let total = stage.valid_rounds().count();
    let co_located = |tag: &&Tag| matches!(tag, Tag::CoLocated { .. });
    let has = |round: &&RoundRecord| round.trials.iter().any(|trial| trial.tags.iter().any(|tag| co_located(&tag)));
    let example = trials(stage).flat_map(|trial| &trial.tags).find(co_located);
    let note = example.map(|example| {
        let rounds = stage.valid_rounds().filter(has).count();
        format!("{}: {rounds} of {total} rounds {example}{}", stage.name, ceiling(stage, judgement))
    });
    note.into_iter().chain((show(stage.kind()).notes)(stage)).collect()
}

/// Formats the rate that the same generator and upstream reached without the target.
fn ceiling(stage: &StageRecord, judgement: &Judgement) -> String {
    let of =
        |metric: &&crate::verdict::judgement::Measured| metric.stage == stage.name && metric.category() == "throughput";
    let found = judgement.metrics.iter().find(of).and_then(|metric| Some((metric.unit, metric.arms?.direct.point)));
    found.map_or_else(String::new, |(unit, direct)| {
        format!("; without the target generator and upstream reach {} on this host", unit.show(direct))
    })
}

/// Formats the worst value of every audit quantity over the valid rounds of each stage with load.
pub(super) fn audit(stages: &[&StageRecord]) -> Vec<String> {
    stages.iter().copied().filter(|stage| trials(stage).next().is_some()).map(audit_of).collect()
}

fn audit_of(stage: &StageRecord) -> String {
    let worst = |of: &dyn Fn(&TrialRecord) -> Option<f64>| trials(stage).filter_map(of).fold(None, larger);
    let sum = |of: fn(&TrialRecord) -> u64| trials(stage).map(of).sum::<u64>();
    let counted = show(stage.kind()).counts_errors;
    let errors = counted.then(|| {
        format!(
            "{} of {} requests were errors",
            grouped(sum(|trial| trial.load.outcomes.errors()) as f64),
            grouped(sum(|trial| trial.load.scheduled) as f64)
        )
    });
    let mut parts: Vec<String> = errors.into_iter().collect();
    let missed = worst(&|trial| match trial.offered {
        Pace::Open { rate, .. } if counted => Some(-trial.rps()? / rate.0),
        _ => None,
    });
    parts.extend(missed.map(|missed| format!("at least {} of the offered rate answered", Ratio(-missed))));
    let open = |trial: &TrialRecord| matches!(trial.offered, Pace::Open { .. });
    let lag = trials(stage).filter(|trial| open(trial)).filter_map(|trial| judged_lag(&trial.load));
    let judged = lag.max_by_key(|judged| judged.lag);
    parts.extend(judged.map(|judged| format!("pacer lag {} up to {}", judged.quantile_name(), judged.lag)));
    parts.extend(read_lag(stage));
    let stalled = sum(|trial| trial.load.stalls.map_or(0, |stalls| stalls.requests));
    let left_out =
        (stalled > 0).then(|| format!("{} requests in stalls of the generator left out", grouped(stalled as f64)));
    parts.extend(left_out);
    parts.extend(worst(&|trial| trial.readings.steal()).map(|steal| format!("steal up to {}", Ratio(steal))));
    let foreign = worst(&|trial| trial.readings.foreign_cpu());
    parts.extend(foreign.map(|foreign| format!("other processes up to {} of CPU", Ratio(foreign))));
    format!("{}: {}", stage.name, parts.join(", "))
}

/// Formats how late the generator read the answers of each arm.
fn read_lag(stage: &StageRecord) -> Option<String> {
    let of = |arm: Arm| {
        let mut lags = LatencyHistogram::default();
        let trials = trials(stage).filter(|trial| trial.arm == arm);
        trials.filter_map(|trial| trial.load.read_lag.as_ref()).for_each(|lag| lags.merge(&lag.lags));
        let quantiles = lags.quantiles()?;
        Some(format!("{} {} and {}", arm.name(), Nanos(quantiles.p50_ns), Nanos(quantiles.p99_ns)))
    };
    let arms: Vec<String> = [Arm::Direct, Arm::Proxied].into_iter().filter_map(of).collect();
    (!arms.is_empty()).then(|| format!("read lag p50 and p99 {}", arms.join(", ")))
}

fn larger(found: Option<f64>, next: f64) -> Option<f64> {
    Some(found.map_or(next, |found| found.max(next)))
}

/// Lists reasons of stages that are neither in the verdict nor among the rejected rounds.
pub(super) fn further(stages: &[&StageRecord], judgement: &Judgement) -> Vec<String> {
    // A stage that was skipped, or is optional and invalid, is in the warnings.
    let is_required = |found: &&StageFinding| stages.iter().any(|stage| stage.name == found.name && !stage.optional);
    let required = judgement.stages.iter().filter(is_required);
    let open = |found: &StageFinding| {
        let StageStatus::Invalid(reasons) = &found.status else { return Vec::new() };
        let line = |reason: &Reason| format!("{}: {reason}", found.name);
        reasons.iter().filter(|reason| !stands_elsewhere(reason, &found.name, stages, judgement)).map(line).collect()
    };
    required.flat_map(open).collect()
}

/// Returns whether a reason is the ground of the verdict or one of the rules that rejected rounds of the stage.
fn stands_elsewhere(reason: &Reason, stage: &str, stages: &[&StageRecord], judgement: &Judgement) -> bool {
    let is_ground = judgement.grounds.iter().any(|ground| {
        matches!(ground, Ground::Invalid { stage: name, reason: Some(first) } if name == stage && first == reason)
    });
    let Problem::Rejected(rejection) = &reason.problem else { return is_ground };
    let recorded = stages.iter().find(|recorded| recorded.name == stage);
    is_ground || (reason.scope.is_empty() && recorded.is_some_and(|stage| rejections(stage).contains(rejection)))
}

/// Lists problems that should be corrected, and facts that must not be overlooked.
pub(super) fn warnings(record: &Record, judgement: &Judgement) -> Vec<String> {
    let mut warnings: Vec<String> = record.retries.iter().map(retried).collect();
    let missed = |finding: &&Finding| finding.topic == Topic::Stage && finding.kind == FindingKind::Alert;
    warnings.extend(
        judgement.findings.iter().filter(missed).map(|finding| format!("{}: {}", finding.subject, finding.message)),
    );
    warnings.extend(record.warnings.iter().cloned());
    if record.tool.profile == "debug" {
        warnings.push(
            "this harness is a debug build, whose generator saturates early: build it with `cargo build --release`"
                .to_owned(),
        );
    }
    let costly = record.sampler_cost_ratio.filter(|ratio| *ratio > COSTLY_SAMPLER);
    warnings.extend(
        costly.map(|ratio| format!("the sampler used {} of one core, limit {}", Ratio(ratio), Ratio(COSTLY_SAMPLER))),
    );
    for (stage, found) in record.stages.iter().zip(&judgement.stages) {
        if let StageStatus::Skipped(why) = &stage.status {
            warnings.push(format!("stage {} was skipped: {why}", stage.name));
        }
        if let (StageStatus::Invalid(reasons), true) = (&found.status, stage.optional) {
            let why = reasons.first().map_or_else(|| "no reason was recorded".to_owned(), ToString::to_string);
            warnings.push(format!("optional stage {} is invalid: {why}", stage.name));
        }
        // Cells of one stage often have the same warning.
        let name = stage.cell.as_ref().map_or(&stage.name, |cell| &cell.stage);
        for warning in stage.warnings.iter().map(|warning| format!("{name}: {warning}")) {
            if stage.cell.is_none() || !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    warnings
}

/// Describes a repeated attempt and the first reason for it.
fn retried(retry: &Retry) -> String {
    let why = retry.reasons.first().map_or("no reason was recorded", String::as_str);
    format!("measured again: the attempt {} ended {}: {why}", retry.run_id, retry.exit.word())
}

/// Describes host, builds, tool and sampler.
pub(super) fn host(record: &Record) -> Vec<String> {
    let mut lines = vec![machine(&record.host)];
    if let Some(fleet) = &record.fleet {
        lines.push(format!("load from {}", fleet.shape()));
        lines.extend(fleet.machines().into_iter().map(|machine| format!("node {machine}")));
    }
    lines.extend(pods::places(record).into_iter().map(|place| format!("target in {place}")));
    lines.extend(record.targets.iter().map(|target| {
        let size = target.size_bytes.filter(|_| !target.builtin).map(|bytes| format!(", {}", Bytes(bytes)));
        let digest =
            target.sha256.as_ref().map(|digest| format!(", sha256 {}", digest.chars().take(12).collect::<String>()));
        let env = if target.env.is_empty() { String::new() } else { format!(", {}", target.env.join(" ")) };
        let called = if record.is_compared() { target.build.name() } else { "target" };
        format!("{called} {}{}{}{env}", target.program, size.unwrap_or_default(), digest.unwrap_or_default())
    }));
    let sampler = record.sampler_cost_ratio.map(|ratio| format!(", the sampler used {} of one core", Ratio(ratio)));
    let git = record.git.as_ref().map(|git| {
        let dirty = if git.dirty { " (modified)" } else { "" };
        format!(", git {}{dirty}", git.sha.chars().take(10).collect::<String>())
    });
    lines.push(format!(
        "harness {} ({}){}{}",
        record.tool.version,
        record.tool.profile,
        git.unwrap_or_default(),
        sampler.unwrap_or_default()
    ));
    let calibration = record.calibration.as_ref();
    lines.extend(calibration.map(|found| quote(found, &record.host, &record.tool)));
    lines
}

fn machine(host: &HostFacts) -> String {
    let mut parts = vec![
        host.cpu_model.clone(),
        format!("{} CPUs", host.cpus),
        Bytes(host.memory_bytes).to_string(),
        host.os.clone(),
        format!("Linux {}", host.kernel),
    ];
    parts.extend(host.virtualization.clone());
    parts.extend(host.governor.as_ref().map(|governor| format!("governor {governor}")));
    parts.extend(host.cgroup.as_ref().map(|cgroup| format!("cgroup {cgroup}")));
    parts.push(format!("load {:.2} at the start", host.load_average));
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}
