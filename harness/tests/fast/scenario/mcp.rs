//! `[workload.mcp]`, and stage `mcp`.

use super::*;
use harness_base::units::Bytes;
use harness_load::mcp::workload::{Revision, TextSize, Workload};

const STAGE: &str = "\n[stage.mcp]\nrate = \"500/s\"\n";

fn with(workload: &str, stage: &str) -> String {
    format!("{GOOD}\n[workload.mcp]\n{workload}\n{STAGE}{stage}\n")
}

fn agents<'s>(scenario: &'s Scenario, stage: &str) -> &'s Workload {
    let stage = scenario.stages.iter().find(|found| found.name == stage).unwrap();
    match &stage.requests[0].body {
        Body::Mcp(workload) => workload,
        other => panic!("{other:?}"),
    }
}

fn named(text: &str, overrides: &[&str]) -> String {
    mistakes(text, overrides).join("\n")
}

#[test]
fn agents_have_defaults_and_a_stage_changes_them() {
    let stage = "[stage.modern]\nkind = \"mcp\"\nvus = 3\nworkload = { revision = \"2026-07-28\", calls = 5 }\n";
    let found = good(&with("tools = 40\nburst = [2, 4]\ntext = { sigma = 0.0 }", stage), &[]);
    let (legacy, modern) = (agents(&found, "mcp"), agents(&found, "modern"));
    assert_eq!((legacy.revision, legacy.calls, legacy.tools), (Revision::November2025, 20, Some(40)));
    assert_eq!((modern.revision, modern.calls, modern.tools), (Revision::July2026, 5, Some(40)));
    assert_eq!((modern.burst, modern.abandoned), ((2, 4), Ratio(0.5)));
    let text = TextSize { median: Bytes(1 << 10), sigma: 0.0, largest: Bytes(64 << 10) };
    assert_eq!((legacy.text, modern.text), (text, text));
    let request = &found.stages.last().unwrap().requests[0];
    assert_eq!((request.path.as_str(), request.expect.upstream_hits), ("/mcp", LedgerRule::Exact));
    assert!(request.hits("POST", "/mcp") && request.hits("DELETE", "/mcp") && request.hits("GET", "/mcp"));
    assert!(!request.hits("PUT", "/mcp") && !request.hits("GET", "/health"));
    assert_eq!(request.lanes(), 4);
    let described = Plan::new(&found, &Options::default()).unwrap().to_string();
    let flat = described.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("agents that speak MCP 2026-07-28, 5 calls per list in bursts of 2 to 4"), "{described}");
    assert!(flat.contains("expects valid messages, hits the upstream once"), "{described}");
}

#[test]
fn streams_and_batches_are_shares_and_a_stage_of_another_revision_has_no_batches() {
    let stage = "[stage.modern]\nkind = \"mcp\"\nvus = 3\nworkload = { revision = \"2026-07-28\" }\n";
    let found = good(&with("revision = \"2025-03-26\"\nlisten = \"25%\"\nbatches = \"50%\"", stage), &[]);
    let (old, modern) = (agents(&found, "mcp"), agents(&found, "modern"));
    assert_eq!((old.listen, old.batches), (Ratio(0.25), Ratio(0.5)));
    assert_eq!((modern.listen, modern.batches), (Ratio(0.25), Ratio(0.0)));
    let described = Plan::new(&found, &Options::default()).unwrap().to_string();
    let flat = described.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("50% of bursts as a batch") && flat.contains("25% of agents with an open stream"), "{flat}");
}

#[test]
fn a_stage_of_agents_needs_a_workload() {
    let text = named(&format!("{GOOD}{STAGE}"), &[]);
    assert!(text.contains("the scenario has no [workload.mcp]"), "{text}");
    let text = named(&format!("{GOOD}{STAGE}\n[workload.other]\n"), &[]);
    assert!(text.contains("workload.other: unknown key"), "{text}");
}

#[test]
fn wrong_values_of_a_workload_are_refused() {
    for (key, value) in [
        ("revision", "\"2024-11-05\""),
        ("tools", "0"),
        ("tool", "\"\""),
        ("calls", "0"),
        ("burst", "[0, 4]"),
        ("burst", "[4, 2]"),
        ("burst", "[1, 65]"),
        ("burst", "[1]"),
        ("think", "[\"2s\", \"1s\"]"),
        ("abandoned", "\"101%\""),
        ("listen", "\"-1%\""),
        ("batches", "\"101%\""),
        ("path", "\"mcp\""),
        ("timeout", "\"0s\""),
    ] {
        let text = named(&with(&format!("{key} = {value}"), ""), &[]);
        assert!(text.contains(&format!("workload.mcp.{key}: ")), "{key} = {value}: {text}");
    }
    let text = named(&with("text = { median = \"2KiB\", largest = \"1KiB\" }", ""), &[]);
    assert!(text.contains("1KiB is below the median of 2KiB"), "{text}");
    let text = named(&with("headers = { Accept = \"*/*\" }", ""), &[]);
    assert!(text.contains("is written by the agent itself"), "{text}");
    let text = named(&with("listen = \"50%\"", ""), &["stage.mcp.wire=h2c"]);
    assert!(text.contains("agents open the streams of `listen` over HTTP/1.1 only"), "{text}");
    let text = named(&with("revision = \"2025-11-25\"\nbatches = \"50%\"", ""), &[]);
    assert!(text.contains("2025-11-25 has no batches"), "{text}");
    let text = named(&with("", ""), &["stage.mcp.connections=5000"]);
    assert!(
        text.contains("5000 agents with up to 8 calls at the same time need more than 20000 connections"),
        "{text}"
    );
}
