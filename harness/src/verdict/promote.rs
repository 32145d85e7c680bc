//! Converts a result into a run of a baseline, and checks whether it may be promoted.

use std::path::{Path, PathBuf};

use super::judgement::{Judgement, Measured};
use super::stored::{RESULT, Stored};
use crate::baseline::{Direct, Promoted, StoredMetric};
use crate::measure::FleetFacts;
use crate::measure::journal;
use crate::measure::record::{BuildFacts, Record};
use crate::measure::trial::Build;
use harness_base::exit::Exit;
use harness_stats::{Estimate, Sample};

/// Significant digits of a stored round. The scatter of a round is thousands of times larger than the rounding.
const DIGITS: usize = 6;

/// The reason why a result is not promoted. Exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The run did not end by itself.
    #[error(
        "{folder} holds a partial run: there is a journal and no {RESULT}; only a whole run is promoted: measure again with `harness run`"
    )]
    Partial {
        /// The folder of the run.
        folder: PathBuf,
    },
    /// The run ended early, because it was interrupted or something failed.
    #[error(
        "run {run_id} ended in {word}: {reason}; only a whole run is promoted, and no --override changes that: measure again with `harness run`"
    )]
    Unfinished {
        run_id: String,
        /// The word of its verdict.
        word: &'static str,
        reason: String,
    },
    /// Its numbers are not valid.
    #[error(
        "run {run_id} is INVALID: {reason}; an invalid run is never promoted, with or without --override: measure again with `harness run`"
    )]
    Invalid { run_id: String, reason: String },
    /// It has no value for a baseline.
    #[error("run {run_id} has no metric with a value; print it with `harness report`")]
    NoValue { run_id: String },
    /// It needs a reason.
    #[error("run {run_id} is promoted only with a reason: {}; if that is intended, give one with --override \"REASON\"", reasons.join("; "))]
    NeedsReason {
        run_id: String,
        /// All objections.
        reasons: Vec<String>,
    },
    #[error(
        "--override needs a reason, which is stored with the run; for example --override \"accepted in review: TLS \
         costs this much\""
    )]
    EmptyReason,
}

/// Returns the result file of `path`: itself, or that of the folder of a run.
///
/// # Errors
/// Returns [`Refused::Partial`] for the folder of a run that left only its journal.
pub fn result_file(path: &Path) -> Result<PathBuf, Refused> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let result = path.join(RESULT);
    if !result.exists() && path.join(journal::FILE).exists() {
        return Err(Refused::Partial { folder: path.to_owned() });
    }
    Ok(result)
}

/// Converts a run for a baseline. `again` is a new judgement of the record, because the digest does not cover the
/// stored one; the worse of the two counts. `reason` is stored only if it was needed.
///
/// # Errors
/// Returns [`Refused`] with the next command to type.
pub fn promoted(stored: &Stored, again: &Judgement, reason: Option<&str>, now: String) -> Result<Promoted, Refused> {
    let record = &stored.record;
    let reason = reason.map(str::trim);
    if reason.is_some_and(str::is_empty) {
        return Err(Refused::EmptyReason);
    }
    whole_and_valid(stored, again)?;
    let against = speaks_against(stored, again);
    if !against.is_empty() && reason.is_none() {
        return Err(Refused::NeedsReason { run_id: record.run_id.clone(), reasons: against });
    }
    let metrics: Vec<StoredMetric> = again.metrics.iter().filter_map(kept).collect();
    if metrics.is_empty() {
        return Err(Refused::NoValue { run_id: record.run_id.clone() });
    }
    let head = record.targets.iter().find(|target| target.build == Build::Head);
    Ok(Promoted {
        run_id: record.run_id.clone(),
        started_at: record.started_at.clone(),
        promoted_at: now,
        git: record.git.clone(),
        host: record.host.clone(),
        fleet: record.fleet.as_ref().map(FleetFacts::shape),
        tool: record.tool.clone(),
        program: head.map_or_else(|| "unknown".to_owned(), program),
        program_sha256: head.and_then(|head| head.sha256.clone()),
        scenario_sha256: record.scenario.sha256.clone(),
        plan_sha256: record.scenario.plan_sha256.clone(),
        quick: record.scenario.quick,
        overrides: record.scenario.overrides.clone(),
        record_sha256: stored.record_sha256.clone(),
        reference: record.reference,
        override_reason: reason.filter(|_| !against.is_empty()).map(str::to_owned),
        metrics,
    })
}

/// Checks the requirements that no reason can override.
fn whole_and_valid(stored: &Stored, again: &Judgement) -> Result<(), Refused> {
    let record = &stored.record;
    let exit = ending(stored, again);
    let run_id = record.run_id.clone();
    let reason = || why(exit, &stored.judgement, again);
    match exit {
        Exit::Pass | Exit::Regressed => Ok(()),
        Exit::Invalid => Err(Refused::Invalid { run_id, reason: reason() }),
        _ => Err(Refused::Unfinished { run_id, word: exit.word(), reason: reason() }),
    }
}

/// Lists the objections that a reason can override.
fn speaks_against(stored: &Stored, again: &Judgement) -> Vec<String> {
    let Record { scenario, git, .. } = &stored.record;
    let mut against = Vec::new();
    if ending(stored, again) == Exit::Regressed {
        against.push(format!("it is REGRESSED ({})", why(Exit::Regressed, &stored.judgement, again)));
    }
    if scenario.quick {
        against.push("it was made with --quick, which is not precise enough for a baseline".to_owned());
    }
    if git.as_ref().is_some_and(|git| git.dirty) {
        against.push("tracked files differed from the commit, so it cannot be reproduced".to_owned());
    }
    against
}

fn ending(stored: &Stored, again: &Judgement) -> Exit {
    stored.judgement.exit.join(again.exit)
}

/// Returns the first reason of the judgement with this exit code.
fn why(exit: Exit, stored: &Judgement, again: &Judgement) -> String {
    let said = [again, stored].into_iter().filter(|judgement| judgement.exit == exit);
    let ground = said.into_iter().find_map(|judgement| judgement.grounds.first());
    ground.map(ToString::to_string).unwrap_or_else(|| "no reason was recorded".to_owned())
}

/// Returns the file name without its folder, which belongs to the host.
fn program(head: &BuildFacts) -> String {
    let name = Path::new(&head.program).file_name();
    name.map_or_else(|| head.program.clone(), |name| name.to_string_lossy().into_owned())
}

fn kept(metric: &Measured) -> Option<StoredMetric> {
    let sample = Sample::new(metric.rounds().iter().copied().map(rounded).collect()).ok()?;
    Some(StoredMetric {
        id: metric.id.clone(),
        unit: metric.unit,
        direction: metric.direction,
        kind: metric.kind,
        source: metric.source,
        point: Estimate::median(&sample).point,
        rounds: sample.values().to_vec(),
        direct: metric.arms.and_then(|arms| direct(&arms.direct)),
        advisory: metric.advisory.clone(),
    })
}

fn direct(estimate: &Estimate) -> Option<Direct> {
    let ends = estimate.interval?;
    let [point, low, high] = [estimate.point, ends.low, ends.high].map(rounded);
    [point, low, high].iter().all(|value| value.is_finite()).then_some(Direct { point, low, high })
}

/// Rounds to six significant digits; whole numbers (bytes, counts) stay exact.
fn rounded(value: f64) -> f64 {
    if value.fract() == 0.0 {
        return value;
    }
    format!("{value:.*e}", DIGITS - 1).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_are_kept_and_whole_numbers_stay() {
        for (value, expected) in [
            (0.185_123_456, 0.185_123),
            (-0.000_012_345_678, -0.000_012_345_7),
            (16_342.123_9, 16_342.1),
            (8_432_641.0, 8_432_641.0),
            (0.0, 0.0),
            (1e-320, 1e-320),
        ] {
            assert_eq!(rounded(value), expected, "{value}");
        }
    }
}
