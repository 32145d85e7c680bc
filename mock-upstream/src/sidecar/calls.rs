//! Calls of MCP tools that the sidecar sends to the upstream twice, or answers itself.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Deserialize;
use serde_json::value::RawValue;

/// Flags about calls.
#[derive(Debug, Clone, clap::Args)]
pub struct CallFlags {
    /// Send every Nth call of an MCP tool to the upstream twice, for example echo:10
    #[arg(long, value_name = "TOOL:N")]
    pub repeat_call: Option<EveryCall>,
    /// Answer every Nth call of an MCP tool without the upstream
    #[arg(long, value_name = "TOOL:N")]
    pub answer_call: Option<EveryCall>,
}

/// Every Nth call of one tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EveryCall {
    pub tool: String,
    pub every: u64,
}

/// A text that names no calls.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not TOOL:N; write echo:10 for every tenth call of the tool echo")]
pub struct NotCalls(String);

impl FromStr for EveryCall {
    type Err = NotCalls;

    fn from_str(text: &str) -> Result<Self, NotCalls> {
        let refused = || NotCalls(text.to_owned());
        let (tool, every) = text.rsplit_once(':').filter(|(tool, _)| !tool.is_empty()).ok_or_else(refused)?;
        let every = every.parse().ok().filter(|every| *every > 0).ok_or_else(refused)?;
        Ok(Self { tool: tool.to_owned(), every })
    }
}

/// Finds the calls that the flags name, and counts them.
#[derive(Debug)]
pub(crate) struct Calls {
    repeat: Option<Counted>,
    answer: Option<Counted>,
}

#[derive(Debug)]
struct Counted {
    calls: EveryCall,
    seen: AtomicU64,
    found: AtomicU64,
}

/// What is done with a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Passed,
    Repeated,
    /// It is answered with this message.
    Answered(String),
}

/// Calls by what was done with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CallsReport {
    pub repeated: u64,
    pub answered: u64,
}

#[derive(Deserialize)]
struct Call<'c> {
    #[serde(borrow)]
    id: &'c RawValue,
    #[serde(borrow)]
    method: Cow<'c, str>,
    #[serde(borrow)]
    params: Params<'c>,
}

#[derive(Deserialize)]
struct Params<'c> {
    #[serde(borrow)]
    name: Cow<'c, str>,
}

impl Calls {
    pub(crate) fn new(flags: &CallFlags) -> Self {
        let counted = |calls: &Option<EveryCall>| {
            let (seen, found) = (AtomicU64::new(0), AtomicU64::new(0));
            calls.clone().map(|calls| Counted { calls, seen, found })
        };
        Self { repeat: counted(&flags.repeat_call), answer: counted(&flags.answer_call) }
    }

    /// Returns whether all requests are passed, so that none must be read.
    pub(crate) const fn pass_all(&self) -> bool {
        self.repeat.is_none() && self.answer.is_none()
    }

    /// Returns what is done with a request of this body.
    pub(crate) fn fate(&self, body: &[u8]) -> Fate {
        let Ok(call) = serde_json::from_slice::<Call<'_>>(body) else { return Fate::Passed };
        if call.method != "tools/call" {
            return Fate::Passed;
        }
        let is_due =
            |counted: &Option<Counted>| counted.as_ref().is_some_and(|counted| counted.is_due(&call.params.name));
        if is_due(&self.repeat) {
            return Fate::Repeated;
        }
        if is_due(&self.answer) {
            let id = call.id.get();
            return Fate::Answered(format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","content":[],"isError":false}}}}"#
            ));
        }
        Fate::Passed
    }

    pub(crate) fn report(&self) -> CallsReport {
        let found = |counted: &Option<Counted>| counted.as_ref().map_or(0, |counted| counted.found.load(Relaxed));
        CallsReport { repeated: found(&self.repeat), answered: found(&self.answer) }
    }
}

impl Counted {
    fn is_due(&self, tool: &str) -> bool {
        if tool != self.calls.tool {
            return false;
        }
        let number = self.seen.fetch_add(1, Relaxed) + 1;
        let is_due = number.is_multiple_of(self.calls.every);
        self.found.fetch_add(u64::from(is_due), Relaxed);
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nth_call_of_the_tool_is_found_and_no_other_request() {
        let calls = Calls::new(&CallFlags {
            repeat_call: Some("a:b:2".parse().unwrap()),
            answer_call: Some("echo:3".parse().unwrap()),
        });
        let call =
            |name: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{name}"}}}}"#);
        let repeated = (0..10).filter(|_| calls.fate(call("a:b").as_bytes()) == Fate::Repeated).count();
        let answered: Vec<Fate> = (0..6).map(|_| calls.fate(call("echo").as_bytes())).collect();
        assert_eq!((repeated, answered.iter().filter(|fate| **fate == Fate::Passed).count()), (5, 4));
        let Fate::Answered(text) = &answered[2] else { panic!("{answered:?}") };
        assert!(text.contains(r#""id":7,"result""#), "{text}");
        for other in [call("other"), call("echo").replace("tools/call", "tools/list"), "[]".to_owned(), String::new()] {
            assert_eq!(calls.fate(other.as_bytes()), Fate::Passed, "{other}");
        }
        assert_eq!(calls.report(), CallsReport { repeated: 5, answered: 2 });
    }

    #[test]
    fn calls_are_a_tool_and_a_number() {
        for wrong in ["echo", "echo:0", ":3", "echo:x"] {
            assert!(wrong.parse::<EveryCall>().unwrap_err().to_string().contains("echo:10"), "{wrong}");
        }
    }
}
