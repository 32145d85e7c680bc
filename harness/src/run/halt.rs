//! Why work stops before it is complete.

use crate::measure::record::Failure;
use harness_base::exit::Exit;

/// A reason to leave a stage early. What was recorded until then stays recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    Interrupted,
    /// The stage's numbers would not mean what they say; why, and what to change. The run goes on.
    Invalid(Vec<String>),
    /// The target, the upstream or a tool failed.
    Failed(Failure),
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
        Self::Failed(Failure { message: chain(error), exit })
    }

    /// A failure of the target.
    pub fn target(error: &dyn std::error::Error) -> Self {
        Self::failed(Exit::TargetFailed, error)
    }

    /// A failure of the harness itself, in a sentence.
    pub fn tool(message: String) -> Self {
        Self::Failed(Failure { message, exit: Exit::Usage })
    }

    /// A failure of the harness's own processes or of a tool it needs.
    pub fn tooling(error: &dyn std::error::Error) -> Self {
        Self::failed(Exit::Usage, error)
    }
}

/// An error with its causes: `cannot write x: no space left`.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let message = inner.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = inner.source();
    }
    text
}
