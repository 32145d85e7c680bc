//! Posts results where people already look. A failure here never changes what a run ends in: the caller reports it, puts the
//! text where it can be read, and goes on.

pub mod actions;
mod github;
mod proxy;
mod sticky;

pub use github::{Access, Error, Github};
pub use sticky::{Done, Post, put};

use crate::verdict::Judgement;
use crate::verdict::judgement::{Finding, FindingKind, Topic};
use harness_base::exit::Exit;

/// When a pull request is told something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Always,
    /// When something got better or worse, or could not be decided.
    OnChange,
    OnAlert,
}

impl Mode {
    /// Whether there is nothing to say in this mode. A comment that is already there is brought up to date all the same.
    pub fn is_quiet(self, judgement: &Judgement) -> bool {
        // A claim that is open or missed is so on every run; a required one that is missed is in the exit code.
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
