//! Measures what a call of an agent costs beside a request whose answer is checked for JSON pointers. Both send and receive a text of 1 KiB.

use std::fmt::Write;

use anyhow::Result;
use harness_base::units::{Bytes, Nanos, Ratio};
use harness_load::mcp::workload::{Revision, TextSize, Workload};
use harness_load::spec::{Body, Expect, Request};

use super::child::Child;
use super::table::{cpu, ratio};
use super::{Args, Cost, note};

/// The numbers of connections.
const CONNECTIONS: [u64; 2] = [10, 64];
/// A text that makes the request as long as the one it is compared with.
const TEXT: u64 = 900;

/// The costs with one number of connections, one entry per round.
pub(crate) struct Rows {
    connections: u64,
    revision: Revision,
    agents: Vec<Cost>,
    plain: Vec<Cost>,
}

/// Measures both eras in turns.
pub(crate) async fn measure(args: &Args) -> Result<Vec<Rows>> {
    let mut all = Vec::new();
    for (connections, revision) in
        CONNECTIONS.into_iter().flat_map(|number| [(number, Revision::November2025), (number, Revision::July2026)])
    {
        let mut agents = Child::start_with(args, args.upstream, connections, agent(revision), None).await?;
        let mut plain = Child::start(args, args.upstream, connections, true, None).await?;
        let mut rows = Rows { connections, revision, agents: Vec::new(), plain: Vec::new() };
        for round in 0..args.rounds {
            rows.agents.push(agents.closed_loop(args.seconds).await?);
            rows.plain.push(plain.closed_loop(args.seconds).await?);
            note(&format!("agents, {connections} connections: round {} of {}", round + 1, args.rounds));
        }
        agents.end().await?;
        plain.end().await?;
        all.push(rows);
    }
    Ok(all)
}

/// Calls of one tool, one after the other, with few other requests.
fn agent(revision: Revision) -> Request {
    let workload = Workload {
        revision,
        tools: None,
        tool: None,
        argument: "text".to_owned(),
        text: TextSize { median: Bytes(TEXT), sigma: 0.0, largest: Bytes(TEXT) },
        calls: 1_000,
        burst: (1, 1),
        think: (Nanos::ZERO, Nanos::ZERO),
        abandoned: Ratio(0.0),
        session_id: true,
        discover: true,
        progress: false,
        listen: Ratio(0.0),
        batches: Ratio(0.0),
    };
    Request {
        name: "mcp".to_owned(),
        weight: 1,
        method: "POST".to_owned(),
        path: "/mcp".to_owned(),
        headers: Vec::new(),
        body: Body::Mcp(Box::new(workload)),
        expect: Expect::default(),
        timeout: Nanos::from_secs(10),
    }
}

/// Returns the table in Markdown, and the ratios of CPU per request with their names.
pub(crate) fn render(all: &[Rows]) -> (String, Vec<(String, f64)>) {
    if all.is_empty() {
        return (String::new(), Vec::new());
    }
    let mut text = String::from(
        "\n| agents: connections, revision | CPU per call ÷ checked request | CPU, µs | user, µs |\n|---|---:|---:|---:|\n",
    );
    let mut ratios = Vec::new();
    for Rows { connections, revision, agents, plain } in all {
        let cost = ratio(agents, plain, cpu);
        let mean = |of: fn(&Cost) -> f64| agents.iter().map(of).sum::<f64>() / agents.len() as f64 / 1e3;
        let name = format!("{connections}, {}", revision.word());
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {cost:.2} | {:.1} | {:.1} |",
            mean(|cost| cost.cpu_ns),
            mean(|cost| cost.user_ns)
        );
        ratios.push((format!("CPU per call of an agent ÷ checked request, {name}"), cost));
    }
    (text, ratios)
}
