//! A generator of several that was lost, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use harness_base::units::Nanos;

/// A generator of several that was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostNode {
    /// From 0.
    pub index: u64,
    /// How many generators there were.
    pub of: u64,
    pub name: String,
    pub why: LostWhy,
    /// The time since all generators of the instance were ready; absent if it was lost before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ns: Option<u64>,
}

/// Why a generator was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LostWhy {
    /// It sent nothing for this time.
    Silent { ns: u64 },
    /// It closed its connection.
    Closed,
    /// Its connection broke.
    Reset { message: String },
    /// Its load child ended or failed.
    Child { message: String },
    /// It sent what is not part of the protocol.
    Protocol { message: String },
}

impl fmt::Display for LostNode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "node {} of {} ({}) was lost", self.index.saturating_add(1), self.of, self.name)?;
        if let Some(after) = self.after_ns {
            write!(out, " after {}", Nanos(after))?;
        }
        write!(out, ": {}", self.why)
    }
}

impl fmt::Display for LostWhy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { ns } => write!(out, "nothing was heard from it for {}", Nanos(*ns)),
            Self::Closed => out.write_str("it closed the connection"),
            Self::Reset { message } => out.write_str(message),
            Self::Child { message } => write!(out, "its load generator failed: {message}"),
            Self::Protocol { message } => write!(out, "it sent what is not part of the protocol: {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_node_is_named_with_the_reason() {
        let reset = LostWhy::Reset { message: "connection reset".to_owned() };
        let after_ns = Some(4_200_000_000);
        let lost = LostNode { index: 1, of: 4, name: "worker-b".to_owned(), why: reset, after_ns };
        assert_eq!(lost.to_string(), "node 2 of 4 (worker-b) was lost after 4.20 s: connection reset");
        let early = LostNode { why: LostWhy::Silent { ns: 3_000_000_000 }, after_ns: None, ..lost };
        assert_eq!(early.to_string(), "node 2 of 4 (worker-b) was lost: nothing was heard from it for 3.00 s");
        let json = serde_json::to_string(&early).unwrap();
        assert_eq!(serde_json::from_str::<LostNode>(&json).unwrap(), early);
    }
}
