//! Defines who found the values of a metric that several kinds of stages have. Values of two sources are different quantities, although
//! they answer the same question.

use serde::{Deserialize, Serialize};

/// Who found the values of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Another tool, which measured within the process, without requests.
    Imported,
    /// The target, which measured itself while it was under load.
    Reported,
    /// The clients of the load.
    Observed,
}

impl Source {
    /// Returns its words in messages.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Imported => "imported from another tool",
            Self::Reported => "reported by the target",
            Self::Observed => "observed by the clients of the load",
        }
    }
}
