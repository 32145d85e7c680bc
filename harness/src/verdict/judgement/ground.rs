//! Defines grounds: the reasons against a pass, each with its exit code.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::claims::{ClaimFinding, ClaimState};
use super::finding::{Finding, FindingKind};
use super::target::{FailedRuns, MissedRate, TargetErrors};
use crate::measure::trial::Build;
use crate::measure::{Failure, Reason};
use harness_base::exit::Exit;

/// One reason against a pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ground {
    /// The run was stopped, in this stage or between two.
    Interrupted {
        stage: Option<String>,
    },
    NothingRan,
    /// Every stage is optional, and none of them is valid.
    NothingValid,
    /// The rerun that confirms a block was not completed, for this reason.
    Unconfirmed {
        exit: Exit,
    },
    /// A stage is not valid, with the first reason.
    Invalid {
        stage: String,
        reason: Option<Reason>,
    },
    Failed {
        stage: String,
        failure: Failure,
    },
    /// The target failed more requests of a stage than permitted.
    TargetErrors {
        stage: String,
        /// The build if there are two; then the base has too many errors, and the head may have too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        build: Option<Build>,
        errors: TargetErrors,
    },
    /// More runs of the command failed than permitted.
    FailedRuns {
        stage: String,
        /// The build if there are two; then runs of the base fail, and those of the head may too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        build: Option<Build>,
        runs: FailedRuns,
    },
    /// The base of two builds is measured without a failure of its own, the head is not.
    HeadFails {
        stage: String,
        failure: HeadFailure,
    },
    /// A stage was never completed, although the run was not interrupted.
    Incomplete {
        stage: String,
    },
    /// A required claim is not met, or could not be judged.
    Claim(ClaimFinding),
    /// A finding that fails the run: a block, or a milder one if `--fail-on` asks for it.
    Finding(Finding),
}

/// What only the head of two builds does wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HeadFailure {
    /// It failed more requests than permitted.
    Errors(TargetErrors),
    /// More of its runs failed than permitted.
    Runs(FailedRuns),
    /// It did not answer the offered rate.
    Rate(MissedRate),
    /// It broke a rule of the audit.
    Invalid(Reason),
    /// It ended, or did not start.
    Failed(Failure),
}

impl Ground {
    /// Returns its exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Interrupted { .. } => Exit::Interrupted,
            Self::NothingRan | Self::NothingValid | Self::Invalid { .. } | Self::Incomplete { .. } => Exit::Invalid,
            Self::Failed { failure, .. } => failure.exit,
            Self::TargetErrors { .. } | Self::FailedRuns { .. } => Exit::TargetFailed,
            Self::Unconfirmed { exit } => *exit,
            Self::Claim(claim) if claim.state == ClaimState::Absent => Exit::Invalid,
            Self::Claim(_) | Self::Finding(_) | Self::HeadFails { .. } => Exit::Regressed,
        }
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted { stage: None } => {
                out.write_str("stopped between two stages; earlier measurements are kept")
            }
            Self::Interrupted { stage: Some(stage) } => {
                write!(out, "stopped in stage {stage}; earlier measurements are kept")
            }
            Self::Unconfirmed { exit: Exit::Interrupted } => {
                out.write_str("stopped while a block was measured again; earlier measurements are kept")
            }
            Self::Unconfirmed { .. } => {
                out.write_str("a block could not be measured again; earlier measurements are kept")
            }
            Self::NothingRan => out.write_str("no stage ran, so nothing was measured"),
            Self::NothingValid => {
                out.write_str("all stages are optional and none of them is valid, so nothing was measured")
            }
            Self::Invalid { stage, reason: Some(reason) } => write!(out, "stage {stage}: {reason}"),
            Self::Invalid { stage, reason: None } => write!(out, "stage {stage}: no reason was recorded"),
            Self::Failed { stage, failure } => write!(out, "stage {stage}: {failure}"),
            Self::TargetErrors { stage, build: None, errors } => write!(out, "stage {stage}: {errors}"),
            Self::TargetErrors { stage, build: Some(build), errors } => {
                write!(out, "stage {stage}: {} build: {errors}", build.name())
            }
            Self::FailedRuns { stage, build: None, runs } => write!(out, "stage {stage}: {runs}"),
            Self::FailedRuns { stage, build: Some(build), runs } => {
                write!(out, "stage {stage}: {} build: {runs}", build.name())
            }
            Self::HeadFails { stage, failure } => write!(out, "stage {stage}: only the head fails: {failure}"),
            Self::Incomplete { stage } => write!(out, "stage {stage} was never completed"),
            Self::Claim(ClaimFinding { metric, limit, message, state, .. }) => {
                let what = if *state == ClaimState::Absent { "could not be judged" } else { "is not met" };
                write!(out, "required target {metric} {limit} {what}: {message}")
            }
            Self::Finding(Finding { subject, kind, message, .. }) => match kind {
                FindingKind::Alert => write!(out, "{subject} (--fail-on alert): {message}"),
                FindingKind::Inconclusive => {
                    write!(out, "{subject} is not decided (--fail-on inconclusive): {message}")
                }
                _ => write!(out, "{subject}: {message}"),
            },
        }
    }
}

impl fmt::Display for HeadFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors(errors) => errors.fmt(out),
            Self::Runs(runs) => runs.fmt(out),
            Self::Rate(missed) => missed.fmt(out),
            Self::Invalid(reason) => reason.fmt(out),
            Self::Failed(failure) => failure.fmt(out),
        }
    }
}
