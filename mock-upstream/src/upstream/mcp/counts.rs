//! Counters of the MCP server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::tools::name_of;

/// The methods that are counted by name; all others are counted together.
const METHODS: [&str; 10] = [
    "initialize",
    "notifications/initialized",
    "notifications/cancelled",
    "ping",
    "server/discover",
    "subscriptions/listen",
    "tools/call",
    "tools/list",
    GET,
    DELETE,
];
/// Stands for a GET request, which has no JSON-RPC method.
pub(super) const GET: &str = "GET";
pub(super) const DELETE: &str = "DELETE";
const OTHER: &str = "<other>";

/// What the MCP server has counted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct McpReport {
    /// Messages received by method, answered or not; `GET` and `DELETE` are requests without a message, and `<other>` all further methods.
    pub methods: Vec<McpHits>,
    /// Calls of each tool that was called.
    pub tools: Vec<McpHits>,
    pub sessions: McpSessions,
    pub streams: McpStreams,
    /// Answers to `tools/call` that were event streams.
    pub event_answers: u64,
    /// Progress notifications in them.
    pub progress: u64,
    /// Requests refused with a status of 400 or more.
    pub refused: u64,
    /// The injected faults, in the order of the flags.
    pub faults: Vec<McpFaultCount>,
}

/// A number by name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct McpHits {
    pub name: String,
    pub hits: u64,
}

/// Sessions by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct McpSessions {
    pub open: u64,
    pub opened: u64,
    /// Ended by DELETE.
    pub deleted: u64,
    /// Gone because no request came for `--mcp-session-idle`.
    pub expired: u64,
    /// Refused because `--mcp-sessions` were open.
    pub refused: u64,
}

/// Streams that stay open: those of GET requests and of `subscriptions/listen`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct McpStreams {
    pub open: u64,
    pub opened: u64,
    /// Notifications that were sent on them, without the acknowledgements of subscriptions.
    #[serde(default)]
    pub notified: u64,
}

/// How often a fault was injected.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct McpFaultCount {
    /// As on the command line.
    pub kind: String,
    pub injected: u64,
}

/// Running counters.
#[derive(Debug)]
pub(super) struct Counts {
    methods: [AtomicU64; METHODS.len()],
    others: AtomicU64,
    tools: Vec<AtomicU64>,
    streams_open: AtomicU64,
    streams_opened: AtomicU64,
    notified: AtomicU64,
    pub(super) event_answers: AtomicU64,
    pub(super) progress: AtomicU64,
    pub(super) refused: AtomicU64,
}

/// An open stream, which is counted as such until this is dropped.
#[derive(Debug)]
pub(super) struct OpenStream(Arc<Counts>);

impl Counts {
    pub(super) fn new(tools: usize) -> Arc<Self> {
        let zero = AtomicU64::default;
        Arc::new(Self {
            methods: std::array::from_fn(|_| zero()),
            others: zero(),
            tools: (0..tools).map(|_| zero()).collect(),
            streams_open: zero(),
            streams_opened: zero(),
            notified: zero(),
            event_answers: zero(),
            progress: zero(),
            refused: zero(),
        })
    }

    pub(super) fn record_method(&self, method: &str) {
        let known = METHODS.iter().position(|known| *known == method);
        known.and_then(|index| self.methods.get(index)).unwrap_or(&self.others).fetch_add(1, Relaxed);
    }

    pub(super) fn record_tool(&self, number: usize) {
        if let Some(tool) = self.tools.get(number) {
            tool.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn open_stream(self: &Arc<Self>) -> OpenStream {
        self.streams_open.fetch_add(1, Relaxed);
        self.streams_opened.fetch_add(1, Relaxed);
        OpenStream(Arc::clone(self))
    }

    pub(super) fn report(&self, sessions: McpSessions, faults: Vec<McpFaultCount>) -> McpReport {
        let hits = |name: &str, count: &AtomicU64| McpHits { name: name.to_owned(), hits: count.load(Relaxed) };
        let methods = METHODS.iter().zip(&self.methods).map(|(name, count)| hits(name, count));
        let tools = self.tools.iter().enumerate().map(|(number, count)| hits(&name_of(number), count));
        McpReport {
            methods: methods.chain([hits(OTHER, &self.others)]).filter(|method| method.hits > 0).collect(),
            tools: tools.filter(|tool| tool.hits > 0).collect(),
            sessions,
            streams: McpStreams {
                open: self.streams_open.load(Relaxed),
                opened: self.streams_opened.load(Relaxed),
                notified: self.notified.load(Relaxed),
            },
            event_answers: self.event_answers.load(Relaxed),
            progress: self.progress.load(Relaxed),
            refused: self.refused.load(Relaxed),
            faults,
        }
    }
}

impl OpenStream {
    /// Counts a notification on it.
    pub(super) fn notified(&self) {
        self.0.notified.fetch_add(1, Relaxed);
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.streams_open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_method_and_tool() {
        let counts = Counts::new(3);
        for method in ["ping", "tools/call", "tools/call", "resources/list", "x"] {
            counts.record_method(method);
        }
        counts.record_tool(1);
        counts.record_tool(7);
        let report = counts.report(McpSessions::default(), Vec::new());
        let rows = |hits: Vec<McpHits>| hits.into_iter().map(|row| (row.name, row.hits)).collect::<Vec<_>>();
        let named = |name: &str, hits| (name.to_owned(), hits);
        assert_eq!(rows(report.methods), [named("ping", 1), named("tools/call", 2), named(OTHER, 2)]);
        assert_eq!(rows(report.tools), [named("tool_001", 1)]);
    }

    #[test]
    fn a_stream_is_open_until_it_is_dropped() {
        let counts = Counts::new(1);
        let streams = || counts.report(McpSessions::default(), Vec::new()).streams;
        let first = counts.open_stream();
        let second = counts.open_stream();
        first.notified();
        assert_eq!(streams(), McpStreams { open: 2, opened: 2, notified: 1 });
        drop((first, second));
        assert_eq!(streams(), McpStreams { open: 0, opened: 2, notified: 1 });
    }
}
