//! Lists what can be wrong with an answer that HTTP delivered as expected.

use serde::{Deserialize, Serialize};

/// Why an answer with the expected status is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Its content type is neither JSON nor a stream of events.
    ContentType,
    /// It is not a JSON-RPC message.
    Unreadable,
    /// The stream has no answer, two of them, or a message that must not be on it.
    Stream,
    /// Its `jsonrpc` is not 2.0.
    Jsonrpc,
    /// Its `id` is that of another request.
    Id,
    /// It has an `error`.
    Error,
    /// It has neither a `result` nor an `error`.
    NoResult,
    /// The tool failed: its result has `isError`.
    ToolError,
    /// The `resultType` of a result is missing or not `complete`, in a revision that has it.
    ResultType,
    /// The server speaks another revision than the one that was asked for.
    Revision,
    /// The server gave the session no identifier.
    Session,
    /// The list has another number of tools than expected, or none.
    Tools,
    /// The result of a call has no `content`.
    Content,
    /// A notification of progress has the token of another request.
    Progress,
}

impl Fault {
    pub const ALL: [Self; 14] = [
        Self::ContentType,
        Self::Unreadable,
        Self::Stream,
        Self::Jsonrpc,
        Self::Id,
        Self::Error,
        Self::NoResult,
        Self::ToolError,
        Self::ResultType,
        Self::Revision,
        Self::Session,
        Self::Tools,
        Self::Content,
        Self::Progress,
    ];

    /// Returns the words used in messages.
    pub const fn words(self) -> &'static str {
        match self {
            Self::ContentType => "wrong content type",
            Self::Unreadable => "no JSON-RPC message",
            Self::Stream => "stream without one answer",
            Self::Jsonrpc => "wrong version of JSON-RPC",
            Self::Id => "wrong id",
            Self::Error => "JSON-RPC error",
            Self::NoResult => "no result",
            Self::ToolError => "tool error",
            Self::ResultType => "missing or wrong resultType",
            Self::Revision => "another revision",
            Self::Session => "no session",
            Self::Tools => "wrong number of tools",
            Self::Content => "no content",
            Self::Progress => "progress of another request",
        }
    }
}
