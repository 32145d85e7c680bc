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
    /// GET, which opens the stream of a session.
    Listen,
    /// The stream of an agent without a session.
    Subscribe,
}

impl Method {
    pub const ALL: [Self; 8] = [
        Self::Initialize,
        Self::Initialized,
        Self::Discover,
        Self::ToolsList,
        Self::ToolsCall,
        Self::Delete,
        Self::Listen,
        Self::Subscribe,
    ];

    /// Returns its name in the protocol; that of HTTP for the end of a session.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Initialized => "notifications/initialized",
            Self::Discover => "server/discover",
            Self::ToolsList => "tools/list",
            Self::ToolsCall => "tools/call",
            Self::Delete => "DELETE",
            Self::Listen => "GET",
            Self::Subscribe => "subscriptions/listen",
        }
    }
}
