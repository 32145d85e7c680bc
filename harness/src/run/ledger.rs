//! Reads the hit counter of the bundled upstream.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::admin::{Admin, Cause};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::facts::LoadFacts;
use harness_load::spec::Request;
use mock_upstream::upstream::StallSpan;

/// The hits of the upstream could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the hits of the upstream: {cause}; see upstream.log beside the result")]
pub(crate) struct Error {
    cause: Cause,
}

#[derive(Deserialize)]
struct Answer {
    hits: Vec<Hits>,
    #[serde(default)]
    stalls: Option<Vec<StallSpan>>,
    #[serde(default)]
    mcp: Option<McpAnswer>,
}

#[derive(Deserialize)]
struct McpAnswer {
    methods: Vec<Named>,
    tools: Vec<Named>,
    sessions: Sessions,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    hits: u64,
}

/// Sessions so far.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Sessions {
    opened: u64,
    deleted: u64,
}

/// The counts of the upstream so far.
#[derive(Debug, Clone)]
pub(crate) struct Count {
    pub(crate) hits: u64,
    /// The last spans in which its event loop did not run although it was due; absent where it does not report them.
    pub(crate) stalls: Option<Vec<StallSpan>>,
    /// What it counted of agents; absent if it does not count them.
    mcp: Option<McpCount>,
}

/// What the upstream counted of agents so far.
#[derive(Debug, Clone)]
struct McpCount {
    methods: BTreeMap<String, u64>,
    tools: BTreeMap<String, u64>,
    sessions: Sessions,
}

/// Records what the upstream counted of agents between two readings: requests by method, calls by tool, and sessions.
pub(crate) fn record_mcp(before: Option<&Count>, after: Option<&Count>, load: &mut LoadFacts) {
    let Some(mcp) = &mut load.mcp else { return };
    let of = |count: Option<&Count>| count.and_then(|count| count.mcp.clone());
    let (Some(before), Some(after)) = (of(before), of(after)) else {
        mcp.calls.clear();
        return;
    };
    let methods = added(&before.methods, &after.methods);
    for (method, facts) in &mut mcp.methods {
        facts.upstream_hits = Some(methods.get(method.name()).copied().unwrap_or(0));
    }
    let opened = after.sessions.opened.saturating_sub(before.sessions.opened);
    let deleted = after.sessions.deleted.saturating_sub(before.sessions.deleted);
    mcp.settle(&added(&before.tools, &after.tools), (opened, deleted));
}

/// Returns what was added to each counter, without those that stayed the same.
fn added(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let since =
        |(name, hits): (&String, &u64)| (name.clone(), hits.saturating_sub(before.get(name).copied().unwrap_or(0)));
    after.iter().map(since).filter(|(_, hits)| *hits > 0).collect()
}

impl Count {
    /// Returns how long it was stalled in the `window` from `start` on, without what the hypervisor can have taken.
    pub(crate) fn stalled(&self, start: Mono, window: Nanos) -> Option<Nanos> {
        Some(stalled(self.stalls.as_ref()?, start, window))
    }
}

/// Returns how long the spans last in the `window` from `start` on, without what the hypervisor can have taken.
pub(crate) fn stalled(spans: &[StallSpan], start: Mono, window: Nanos) -> Nanos {
    let end = start.after(window);
    let inside = |span: &StallSpan| {
        Mono(span.until_ns).min(end).since(Mono(span.from_ns).max(start)).minus(Nanos(span.stolen_ns))
    };
    spans.iter().map(inside).fold(Nanos::ZERO, Nanos::plus)
}

#[derive(Deserialize)]
struct Hits {
    method: String,
    path: String,
    hits: u64,
}

/// Reads the hits that were counted so far on the methods and paths of `requests`.
///
/// # Errors
/// Returns an error if there is no valid answer within ten seconds.
pub(crate) async fn count(admin: &Admin, requests: &[Request]) -> Result<Count, Error> {
    let answer: Answer = admin.ask("ledger").await.map_err(|cause| Error { cause })?;
    Ok(of(answer, requests))
}

/// Reads the hits of a report of the upstream, whose clock is `offset_ns` ahead of that of this process.
///
/// # Errors
/// Returns an error if it is no such report.
pub(crate) fn read(report: &Value, requests: &[Request], offset_ns: i64) -> Result<Count, Error> {
    let mut answer: Answer = Answer::deserialize(report).map_err(|cause| Error { cause: Box::new(cause) })?;
    for span in answer.stalls.iter_mut().flatten() {
        span.from_ns = span.from_ns.saturating_add_signed(offset_ns.saturating_neg());
        span.until_ns = span.until_ns.saturating_add_signed(offset_ns.saturating_neg());
    }
    Ok(of(answer, requests))
}

fn of(answer: Answer, requests: &[Request]) -> Count {
    let ours = |hits: &&Hits| requests.iter().any(|request| request.hits(&hits.method, &hits.path));
    let hits = answer.hits.iter().filter(ours).map(|hits| hits.hits).sum();
    let by_name = |counts: Vec<Named>| counts.into_iter().map(|count| (count.name, count.hits)).collect();
    let mcp = answer.mcp.map(|mcp| McpCount {
        methods: by_name(mcp.methods),
        tools: by_name(mcp.tools),
        sessions: mcp.sessions,
    });
    Count { hits, stalls: answer.stalls, mcp }
}
