//! Grounds: what speaks against a pass, and the exit code it stands for.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::claims::{ClaimFinding, ClaimState};
use super::finding::{Finding, FindingKind};
use crate::measure::{Failure, Reason};
use harness_base::exit::Exit;

/// One thing that speaks against a pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ground {
    /// The run was stopped, in this stage or between two.
    Interrupted {
        stage: Option<String>,
    },
    NothingRan,
    /// The rerun that confirms a block did not come to its end, because of this.
    Unconfirmed {
        exit: Exit,
    },
    /// A stage is not valid; the first reason.
    Invalid {
        stage: String,
        reason: Option<Reason>,
    },
    Failed {
        stage: String,
        failure: Failure,
    },
    /// A stage was never completed, and the run was not interrupted.
    Incomplete {
        stage: String,
    },
    /// A required claim is not met, or could not be judged.
    Claim(ClaimFinding),
    /// A finding that fails the run: always a block, a milder one where `--fail-on` asks for it.
    Finding(Finding),
}

impl Ground {
    /// The exit code it stands for.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Interrupted { .. } => Exit::Interrupted,
            Self::NothingRan | Self::Invalid { .. } | Self::Incomplete { .. } => Exit::Invalid,
            Self::Failed { failure, .. } => failure.exit,
            Self::Unconfirmed { exit } => *exit,
            Self::Claim(claim) if claim.state == ClaimState::Absent => Exit::Invalid,
            Self::Claim(_) | Self::Finding(_) => Exit::Regressed,
        }
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted { stage: None } => {
                out.write_str("stopped between two stages; what was measured before is kept")
            }
            Self::Interrupted { stage: Some(stage) } => {
                write!(out, "stopped in stage {stage}; what was measured before is kept")
            }
            Self::Unconfirmed { exit: Exit::Interrupted } => {
                out.write_str("stopped while a block was measured again; what was measured before is kept")
            }
            Self::Unconfirmed { .. } => {
                out.write_str("a block could not be measured again; what was measured before is kept")
            }
            Self::NothingRan => out.write_str("no stage ran, so nothing was measured"),
            Self::Invalid { stage, reason: Some(reason) } => write!(out, "stage {stage}: {reason}"),
            Self::Invalid { stage, reason: None } => write!(out, "stage {stage}: no reason was recorded"),
            Self::Failed { stage, failure } => write!(out, "stage {stage}: {failure}"),
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
