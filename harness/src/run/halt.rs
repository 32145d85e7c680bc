//! Defines why work stops before it is complete.

use crate::measure::reason::{Cause, Scope};
use crate::measure::{Failure, Reason};
use harness_base::exit::Exit;

/// A reason to leave a stage early. Everything recorded before stays recorded.
#[derive(Debug, Clone, PartialEq)]
pub enum Halt {
    Interrupted,
    /// The numbers of the stage would not be valid. The run continues.
    Invalid(Vec<Reason>),
    /// The target, the upstream or a tool failed.
    Failed(Box<Failure>),
}

/// The event that ends a load while something else runs concurrently.
pub(crate) enum Stop {
    Load(harness_load::Error),
    /// The concurrent work.
    Halt(Halt),
}

impl Halt {
    /// Creates a failure with the exit code `exit`.
    pub fn failed(exit: Exit, error: &dyn std::error::Error) -> Self {
        Self::from(Failure::of(error, exit))
    }

    /// Creates a failure of the harness itself from a sentence.
    pub fn tool(message: impl Into<String>) -> Self {
        Self::from(Failure::new(Cause::Error(vec![message.into()]), Exit::Usage))
    }

    /// Creates a failure of the harness's own processes or of a tool that it needs.
    pub fn tooling(error: &dyn std::error::Error) -> Self {
        Self::failed(Exit::Usage, error)
    }
}

impl Halt {
    /// Assigns the halt to a part of the stage.
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
