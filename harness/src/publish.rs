//! Publishes results to other systems. A failure never changes the outcome of a run: the caller reports it, prints the
//! text elsewhere, and continues.

pub mod actions;
mod check_run;
mod github;
mod proxy;
mod sticky;
mod tries;

pub use check_run::{CheckRun, create};
pub use github::{Access, Error, Github, answer};
pub use sticky::{Done, Post, put};

use crate::verdict::Judgement;
use crate::verdict::judgement::{Finding, FindingKind, Topic};
use harness_base::exit::Exit;

/// When to post a comment on a pull request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Always,
    /// If something improved, regressed or was not decided.
    OnChange,
    OnAlert,
}

impl Mode {
    /// Returns whether this mode needs no new comment. An existing comment is updated in any case.
    pub fn is_quiet(self, judgement: &Judgement) -> bool {
        // An undecided or missed claim is the same on every run; a required one that is missed sets the exit code.
        let of_claim = |finding: &Finding| finding.topic == Topic::Claim;
        let has = |kinds: &[FindingKind]| {
            judgement.findings.iter().any(|finding| kinds.contains(&finding.kind) && !of_claim(finding))
        };
        let alarming = judgement.exit != Exit::Pass || has(&[FindingKind::Block, FindingKind::Alert]);
        match self {
            Self::Always => false,
            Self::OnChange => !alarming && !has(&[FindingKind::Improved, FindingKind::Inconclusive]),
            Self::OnAlert => !alarming,
        }
    }
}
