//! Checks the answer of a server: its content type, its messages, and what the method asks for.

use std::borrow::Cow;

use super::fault::Fault;
use super::message::{Answer, Id, Message};
use super::method::Method;
use super::quick::is_valid_call;
use super::stream::Events;
use super::workload::Workload;

/// The value of `resultType` of a result that needs no further input.
const COMPLETE: &str = "complete";
pub(super) const PROGRESS: &str = "notifications/progress";
/// The largest number of characters of an error message that is shown.
const SHOWN: usize = 80;

/// The most tools of a list whose number is not set.
const MOST_TOOLS: u64 = 100_000;

/// The form of a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Events,
    #[default]
    Other,
}

/// The request that is answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'w> {
    pub(super) method: Method,
    pub(super) id: u64,
    /// The number of tools on the pages of a list that were read before.
    pub(super) listed: u64,
    pub(super) workload: &'w Workload,
}

/// What was read of a valid answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Read<'b> {
    pub(super) streamed: bool,
    pub(super) notifications: u64,
    /// A page of a list.
    pub(super) page: Option<Page<'b>>,
}

/// A page of a list of tools.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page<'b> {
    /// The names of the tools.
    pub(super) tools: Vec<Cow<'b, str>>,
    /// Where the list goes on; absent on the last page.
    pub(super) cursor: Option<Cow<'b, str>>,
}

/// What is wrong with an answer, and the value that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) fault: Fault,
    pub(super) found: String,
}

fn wrong<T>(fault: Fault, found: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { fault, found: found.into() })
}

impl Page<'_> {
    pub(super) fn into_owned(self) -> Page<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Page { tools: self.tools.into_iter().map(owned).collect(), cursor: self.cursor.map(owned) }
    }
}

impl Form {
    /// Returns the form that a content type names. Parameters of the type do not matter.
    pub(super) fn of(content_type: &[u8]) -> Self {
        let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if essence.eq_ignore_ascii_case(b"application/json") {
            Self::Json
        } else if essence.eq_ignore_ascii_case(b"text/event-stream") {
            Self::Events
        } else {
            Self::Other
        }
    }
}

/// Reads the body of an answer to a request.
///
/// # Errors
/// Returns the first thing that is wrong.
pub(super) fn read<'b>(asked: Asked<'_>, form: Form, body: &'b [u8]) -> Result<Read<'b>, Wrong> {
    match form {
        Form::Other => wrong(Fault::ContentType, "neither application/json nor text/event-stream"),
        Form::Json if asked.method == Method::ToolsCall && is_valid_call(body, asked.id, asked.workload.revision) => {
            Ok(Read::default())
        }
        Form::Json => {
            let message = parse(body)?;
            if message.method.is_some() {
                return wrong(Fault::Unreadable, "a request or a notification instead of an answer");
            }
            Ok(Read { page: asked.check(message)?, ..Read::default() })
        }
        Form::Events => asked.read_stream(body),
    }
}

/// Reads one message.
///
/// # Errors
/// Returns what is wrong if it is none.
pub(super) fn parse(text: &[u8]) -> Result<Message<'_>, Wrong> {
    serde_json::from_slice(text).or_else(|error| wrong(Fault::Unreadable, error.to_string()))
}

impl Asked<'_> {
    /// Reads the notifications and the one answer of a stream.
    fn read_stream<'b>(self, body: &'b [u8]) -> Result<Read<'b>, Wrong> {
        let (mut notifications, mut answer) = (0, None);
        for data in Events::of(body) {
            if answer.is_some() {
                return wrong(Fault::Stream, "a message after the answer");
            }
            match data {
                Cow::Borrowed(data) => {
                    let message = parse(data)?;
                    if self.is_answer(&message)? {
                        answer = Some(self.check(message)?);
                        continue;
                    }
                }
                Cow::Owned(data) => {
                    let message = parse(&data)?;
                    if self.is_answer(&message)? {
                        answer = Some(self.check(message)?.map(Page::into_owned));
                        continue;
                    }
                }
            }
            notifications += 1;
        }
        match answer {
            Some(page) => Ok(Read { streamed: true, notifications, page }),
            None => wrong(Fault::Stream, format!("no answer after {notifications} notifications")),
        }
    }

    /// Returns whether a message is an answer. Others are notifications; until 2025-11-25 also requests of the server.
    fn is_answer(self, message: &Message<'_>) -> Result<bool, Wrong> {
        let Some(method) = &message.method else { return Ok(true) };
        if message.id.is_some() && !self.workload.revision.has_sessions() {
            return wrong(Fault::Stream, format!("the request {} of the server", &**method));
        }
        if **method == *PROGRESS {
            let token = message.params.as_ref().and_then(|params| params.progress_token);
            if token != Some(Id::Number(self.id)) {
                return wrong(Fault::Progress, format!("{} instead of {}", shown(token), self.id));
            }
        }
        Ok(false)
    }

    /// Checks an answer. Returns the page of a list.
    pub(super) fn check<'b>(self, message: Message<'b>) -> Result<Option<Page<'b>>, Wrong> {
        if message.jsonrpc.as_deref() != Some("2.0") {
            let found = message.jsonrpc.as_deref().unwrap_or("nothing");
            return wrong(Fault::Jsonrpc, format!("{found} instead of 2.0"));
        }
        if message.id != Some(Id::Number(self.id)) {
            return wrong(Fault::Id, format!("{} instead of {}", shown(message.id), self.id));
        }
        if let Some(error) = message.error {
            let text: String = error.message.chars().take(SHOWN).collect();
            return wrong(Fault::Error, format!("{}: {text}", error.code));
        }
        let Some(result) = message.result else { return wrong(Fault::NoResult, "neither result nor error") };
        self.check_result(result)
    }

    fn check_result<'b>(self, result: Answer<'b>) -> Result<Option<Page<'b>>, Wrong> {
        let revision = self.workload.revision;
        if !revision.has_sessions() && result.result_type.as_deref() != Some(COMPLETE) {
            let found = result.result_type.as_deref().unwrap_or("nothing");
            return wrong(Fault::ResultType, format!("{found} instead of {COMPLETE}"));
        }
        match self.method {
            Method::Initialize if result.protocol_version.as_deref() != Some(revision.word()) => {
                let found = result.protocol_version.as_deref().unwrap_or("nothing");
                wrong(Fault::Revision, format!("{found} instead of {}", revision.word()))
            }
            Method::Discover if !speaks(&result, revision.word()) => {
                wrong(Fault::Revision, format!("{} is not among supportedVersions", revision.word()))
            }
            Method::ToolsList => self.check_tools(result).map(Some),
            Method::ToolsCall if result.is_error == Some(true) => wrong(Fault::ToolError, "isError is true"),
            Method::ToolsCall if result.content.is_none() => wrong(Fault::Content, "no content"),
            _ => Ok(None),
        }
    }

    /// Checks a page of a list; the number of tools is known on the last one.
    fn check_tools<'b>(self, result: Answer<'b>) -> Result<Page<'b>, Wrong> {
        let tools: Vec<_> = result.tools.unwrap_or_default().into_iter().map(|tool| tool.name).collect();
        let cursor = result.next_cursor.map(|cursor| cursor.0);
        let found = self.listed + tools.len() as u64;
        let fits = match self.workload.tools {
            Some(expected) if cursor.is_some() => found < expected,
            Some(expected) => found == expected,
            None => found > 0 && found <= MOST_TOOLS,
        };
        if fits {
            return Ok(Page { tools, cursor });
        }
        let more = if cursor.is_some() { " and more pages" } else { "" };
        let expected = self.workload.tools.map_or_else(|| format!("1 to {MOST_TOOLS}"), |tools| tools.to_string());
        wrong(Fault::Tools, format!("{found}{more} instead of {expected}"))
    }
}

fn speaks(result: &Answer<'_>, revision: &str) -> bool {
    result.supported_versions.iter().flatten().any(|version| **version == *revision)
}

fn shown(id: Option<Id>) -> String {
    match id {
        Some(Id::Number(id)) => id.to_string(),
        Some(Id::Other) => "another identifier".to_owned(),
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests;
