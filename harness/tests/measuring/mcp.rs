//! Stage `mcp` against the reference sidecar and the MCP server of the bundled upstream, whose truths are set by flags.

use crate::alone;
use crate::known_truth::adds;
use crate::support::{measured, run, sidecar};
use harness::measure::Arm;
use harness::measure::record::StageRecord;

/// Six rounds of agents whose calls do not overlap, so that none waits for the latency of another, with a session every 8 requests.
fn scenario(flags: &[&str], revision: &str, more: &str) -> String {
    let stages = format!(
        "[workload.mcp]\nrevision = \"{revision}\"\ntools = 40\ncalls = 5\nburst = [1, 1]\n{more}\n\
         [stage.mcp]\nrounds = 6\nrate = \"500/s\"\nconnections = 10\nwarmup = \"100ms\"\nwindow = \"500ms\"\n\
         upstream = {{ mcp = {{ tools = 40, sse = \"15%\", progress = 3 }} }}\n"
    );
    sidecar(flags, &stages)
}

fn legacy(flags: &[&str], _: &str) -> String {
    scenario(flags, "2025-11-25", "")
}

fn modern(flags: &[&str], _: &str) -> String {
    scenario(flags, "2026-07-28", "")
}

fn added_ms(truth: &serde_json::Value) -> f64 {
    truth["added_request_ns"]["median"].as_f64().unwrap() / 1e6
}

#[test]
fn added_latency_is_recovered_by_method_within_10_percent_in_a_revision_with_sessions() {
    let _alone = alone();
    let metrics = [
        ("overhead/mcp_p50", 0.10, 1.0),
        ("overhead/tools_call_p50", 0.10, 1.0),
        ("overhead/tools_list_p50", 0.10, 1.0),
        ("overhead/initialize_p50", 0.10, 1.0),
    ];
    adds(legacy, ("--add-latency", ["300us", "800us"]), added_ms, &metrics);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn added_latency_is_recovered_by_method_within_10_percent_in_a_revision_without_sessions() {
    let _alone = alone();
    let metrics = [
        ("overhead/tools_call_p50", 0.10, 1.0),
        ("overhead/tools_list_p50", 0.10, 1.0),
        ("overhead/discover_p50", 0.10, 1.0),
    ];
    adds(modern, ("--add-latency", ["300us", "800us"]), added_ms, &metrics);
}

/// Checks that generator and upstream counted the same requests of each method in every trial.
fn assert_ledger(stage: &StageRecord) {
    let trials: Vec<_> = stage.valid_rounds().flat_map(|round| &round.trials).collect();
    assert!(!trials.is_empty());
    for trial in trials {
        let mcp = trial.load.mcp.as_deref().unwrap();
        for (method, facts) in &mcp.methods {
            assert_eq!(facts.upstream_hits, Some(facts.sent_total), "{method:?}");
        }
        assert_eq!(mcp.methods.values().map(|facts| facts.sent_total).sum::<u64>(), trial.load.sent_total);
    }
}

#[test]
fn bursts_sessions_and_streams_are_counted_alike_by_generator_and_upstream() {
    let _alone = alone();
    let bursts = scenario(&[], "2025-11-25", "").replace("burst = [1, 1]", "burst = [1, 8]");
    let ran = measured(&bursts);
    ran.expect_code(0);
    assert_eq!(ran.value("errors/mcp_percent"), 0.0);
    let stage = ran.stage("mcp");
    assert_ledger(&stage);
    let sum = |of: fn(&harness_load::mcp::facts::Mcp) -> u64| -> u64 {
        let proxied = stage.valid_rounds().filter_map(|round| round.trial(Arm::Proxied));
        proxied.filter_map(|trial| trial.load.mcp.as_deref()).map(of).sum()
    };
    let (begun, deleted, abandoned) =
        (sum(|mcp| mcp.sessions.begun), sum(|mcp| mcp.sessions.deleted), sum(|mcp| mcp.sessions.abandoned));
    assert!(begun > 40 && deleted > 10 && abandoned > 10, "{begun} begun, {deleted} deleted, {abandoned} abandoned");
    let calls = sum(|mcp| mcp.methods.values().map(|method| method.outcomes.ok).sum());
    let streamed = sum(|mcp| mcp.streamed) as f64 / calls as f64;
    // 15 % of the calls, of which there are five in eight or nine requests.
    assert!((0.06..=0.13).contains(&streamed), "{streamed} of the answers");
    assert!(ran.shows("answers were streams of events"), "{}", ran.stdout);
}

#[test]
fn a_tool_that_fails_is_an_error_with_its_kind() {
    let _alone = alone();
    let failing = scenario(&[], "2026-07-28", "")
        .replace("progress = 3 } }", "progress = 3 }, args = [\"--mcp-fault\", \"is-error:20\"] }")
        .replace("[audit]", "[audit]\nerrors = \"20%\"");
    let ran = run(&failing);
    ran.expect_code(0);
    let percent = ran.value("errors/mcp_percent");
    // One in 20 calls, of which there are five in seven requests.
    assert!((2.0..=5.0).contains(&percent), "{percent} %");
    assert!(ran.shows("tool error"), "{}", ran.stdout);
}
