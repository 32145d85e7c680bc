//! Lists the requests of agents.

use serde::{Deserialize, Serialize};

/// A request of an agent, by its method in the protocol; the end of a session is one of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "McpMethod"))]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Initialize,
    Initialized,
    Discover,
    ToolsList,
    ToolsCall,
    /// DELETE, which ends a session.
    Delete,
}

impl Method {
    pub const ALL: [Self; 6] =
        [Self::Initialize, Self::Initialized, Self::Discover, Self::ToolsList, Self::ToolsCall, Self::Delete];

    /// Returns its name in the protocol; that of HTTP for the end of a session.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Initialized => "notifications/initialized",
            Self::Discover => "server/discover",
            Self::ToolsList => "tools/list",
            Self::ToolsCall => "tools/call",
            Self::Delete => "DELETE",
        }
    }
}
