//! Why work stops before it is complete.

use crate::measure::reason::{Cause, Scope, causes};
use crate::measure::{Failure, Reason};
use harness_base::exit::Exit;

/// A reason to leave a stage early. What was recorded until then stays recorded.
#[derive(Debug, Clone, PartialEq)]
pub enum Halt {
    Interrupted,
    /// The stage's numbers would not mean what they say. The run goes on.
    Invalid(Vec<Reason>),
    /// The target, the upstream or a tool failed.
    Failed(Box<Failure>),
}

/// What ends a load from inside, while something else is done beside it.
pub(crate) enum Stop {
    Load(harness_load::Error),
    /// What was done beside it.
    Halt(Halt),
}

impl Halt {
    /// A failure that stands for `exit`.
    pub fn failed(exit: Exit, error: &dyn std::error::Error) -> Self {
        Self::from(Failure::of(error, exit))
    }

    /// A failure of the target.
    pub fn target(error: &dyn std::error::Error) -> Self {
        Self::failed(Exit::TargetFailed, error)
    }

    /// A failure of the harness itself, in a sentence.
    pub fn tool(message: impl Into<String>) -> Self {
        Self::from(Failure::new(Cause::Error(vec![message.into()]), Exit::Usage))
    }

    /// A failure of the harness's own processes or of a tool it needs.
    pub fn tooling(error: &dyn std::error::Error) -> Self {
        Self::failed(Exit::Usage, error)
    }
}

impl Halt {
    /// The same halt, of a part of the stage.
    #[must_use]
    pub fn within(self, scope: &Scope) -> Self {
        match self {
            Self::Interrupted => Self::Interrupted,
            Self::Invalid(reasons) => {
                Self::Invalid(reasons.into_iter().map(|reason| reason.within(scope.clone())).collect())
            }
            Self::Failed(failure) => failure.within(scope.clone()).into(),
        }
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

/// An error with its causes: `cannot write x: no space left`.
pub fn chain(error: &dyn std::error::Error) -> String {
    causes(error).join(": ")
}
