//! Wrong answers of the MCP server, injected so that a client or a measurement can be checked.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use clap::ValueEnum;

use super::counts::McpFaultCount;
use super::write::Era;

/// Injects one kind of wrong answer into every Nth answer that can have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct McpFault {
    pub kind: McpFaultKind,
    /// 1 is every answer.
    pub every: u64,
}

/// Kinds of wrong answers. All but [`McpFaultKind::NoSession`] are answers to `tools/call`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum McpFaultKind {
    /// The id is not that of the request.
    WrongId,
    /// The version of JSON-RPC is 1.0.
    WrongVersion,
    /// The result has `isError`.
    IsError,
    /// A JSON-RPC error with code -32603.
    Error,
    /// Neither a result nor an error.
    NoResult,
    /// A result of the modern era has no `resultType`.
    NoResultType,
    /// HTTP 404 although the session is open.
    Gone,
    /// An event stream ends before its result.
    Cut,
    /// `initialize` gives no session.
    NoSession,
}

/// Why a text is not a fault.
#[derive(Debug, thiserror::Error)]
pub enum McpFaultError {
    #[error("`{0}` is not KIND:N; write is-error:10 for every tenth answer")]
    Form(String),
    #[error("`{kind}` is not a kind of wrong answers; there are {}", kinds().join(", "))]
    Kind { kind: String },
    #[error("N must be a whole number above 0, and is `{0}`")]
    Number(String),
}

fn kinds() -> Vec<String> {
    McpFaultKind::value_variants().iter().map(|kind| kind.name()).collect()
}

impl McpFaultKind {
    /// Returns its name on the command line.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl FromStr for McpFault {
    type Err = McpFaultError;

    fn from_str(text: &str) -> Result<Self, McpFaultError> {
        let (kind, every) = text.split_once(':').ok_or_else(|| McpFaultError::Form(text.to_owned()))?;
        let kind = McpFaultKind::from_str(kind, false).map_err(|_| McpFaultError::Kind { kind: kind.to_owned() })?;
        match every.parse() {
            Ok(every) if every > 0 => Ok(Self { kind, every }),
            _ => Err(McpFaultError::Number(every.to_owned())),
        }
    }
}

/// The faults that the flags set, and how often each was injected.
#[derive(Debug)]
pub(super) struct Faults(Vec<Injected>);

#[derive(Debug)]
struct Injected {
    fault: McpFault,
    /// Answers that could have it.
    seen: AtomicU64,
    injected: AtomicU64,
}

impl Faults {
    pub(super) fn new(faults: &[McpFault]) -> Self {
        let none = || AtomicU64::new(0);
        Self(faults.iter().map(|fault| Injected { fault: *fault, seen: none(), injected: none() }).collect())
    }

    /// Returns the fault of the next answer to `tools/call`. If several are due at once, the first of the command line is injected.
    pub(super) fn of_call(&self, era: Era, streamed: bool) -> Option<McpFaultKind> {
        self.draw(|kind| match kind {
            McpFaultKind::NoSession => false,
            McpFaultKind::NoResultType => era == Era::Modern,
            McpFaultKind::Gone => era == Era::Legacy,
            McpFaultKind::Cut => streamed,
            _ => true,
        })
    }

    /// Returns whether the next answer to `initialize` gives no session.
    pub(super) fn of_initialize(&self) -> bool {
        self.draw(|kind| kind == McpFaultKind::NoSession).is_some()
    }

    fn draw(&self, fits: impl Fn(McpFaultKind) -> bool) -> Option<McpFaultKind> {
        let mut drawn: Option<&Injected> = None;
        for one in self.0.iter().filter(|one| fits(one.fault.kind)) {
            let number = one.seen.fetch_add(1, Relaxed) + 1;
            if number.is_multiple_of(one.fault.every) && drawn.is_none() {
                drawn = Some(one);
            }
        }
        drawn.map(|one| {
            one.injected.fetch_add(1, Relaxed);
            one.fault.kind
        })
    }

    pub(super) fn report(&self) -> Vec<McpFaultCount> {
        let count =
            |one: &Injected| McpFaultCount { kind: one.fault.kind.name(), injected: one.injected.load(Relaxed) };
        self.0.iter().map(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_a_kind_and_a_number() {
        assert_eq!("wrong-id:7".parse::<McpFault>().unwrap(), McpFault { kind: McpFaultKind::WrongId, every: 7 });
        let error = |text: &str| text.parse::<McpFault>().unwrap_err().to_string();
        assert!(error("wrong-id").contains("is-error:10"));
        assert!(error("typo:1").contains("no-result-type"));
        assert!(error("error:0").contains("above 0"));
    }

    #[test]
    fn every_nth_answer_that_can_have_it_has_the_fault() {
        let faults = Faults::new(&["no-result-type:2".parse().unwrap(), "cut:3".parse().unwrap()]);
        let drawn: Vec<_> = (0..6).map(|_| faults.of_call(Era::Modern, false)).collect();
        let missing = Some(McpFaultKind::NoResultType);
        assert_eq!(drawn, [None, missing, None, missing, None, missing]);
        assert_eq!((0..4).find_map(|_| faults.of_call(Era::Legacy, false)), None);
        assert_eq!([(); 3].map(|()| faults.of_call(Era::Legacy, true)), [None, None, Some(McpFaultKind::Cut)]);
        let counts: Vec<_> = faults.report().into_iter().map(|count| (count.kind, count.injected)).collect();
        assert_eq!(counts, [("no-result-type".to_owned(), 3), ("cut".to_owned(), 1)]);
        assert!(!faults.of_initialize());
    }
}
