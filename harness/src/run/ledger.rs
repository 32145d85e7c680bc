//! Reads the hit counter of the bundled upstream.

use std::collections::BTreeMap;

use serde::Deserialize;

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
    methods: Vec<MethodHits>,
}

#[derive(Deserialize)]
struct MethodHits {
    name: String,
    hits: u64,
}

/// The counts of the upstream so far.
#[derive(Debug, Clone)]
pub(crate) struct Count {
    pub(crate) hits: u64,
    /// The last spans in which its event loop did not run although it was due; absent where it does not report them.
    pub(crate) stalls: Option<Vec<StallSpan>>,
    /// The messages of agents by method; absent if it does not count them.
    methods: Option<BTreeMap<String, u64>>,
}

/// Records how many requests of each method the upstream counted between two readings.
pub(crate) fn record_methods(before: Option<&Count>, after: Option<&Count>, load: &mut LoadFacts) {
    let methods = |count: Option<&Count>| count.and_then(|count| count.methods.clone());
    let (Some(before), Some(after), Some(mcp)) = (methods(before), methods(after), &mut load.mcp) else { return };
    for (method, facts) in &mut mcp.methods {
        let of = |counts: &BTreeMap<String, u64>| counts.get(method.name()).copied().unwrap_or(0);
        facts.upstream_hits = Some(of(&after).saturating_sub(of(&before)));
    }
}

impl Count {
    /// Returns how long it was stalled in the `window` from `start` on, without what the hypervisor can have taken.
    pub(crate) fn stalled(&self, start: Mono, window: Nanos) -> Option<Nanos> {
        let end = start.after(window);
        let inside = |span: &StallSpan| {
            Mono(span.until_ns).min(end).since(Mono(span.from_ns).max(start)).minus(Nanos(span.stolen_ns))
        };
        Some(self.stalls.as_ref()?.iter().map(inside).fold(Nanos::ZERO, Nanos::plus))
    }
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
    let ours = |hits: &&Hits| requests.iter().any(|request| request.hits(&hits.method, &hits.path));
    let hits = answer.hits.iter().filter(ours).map(|hits| hits.hits).sum();
    let methods = answer.mcp.map(|mcp| mcp.methods.into_iter().map(|method| (method.name, method.hits)).collect());
    Ok(Count { hits, stalls: answer.stalls, methods })
}
