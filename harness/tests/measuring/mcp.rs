//! Stage `mcp` against the reference sidecar and the MCP server of the bundled upstream, whose truths are set by flags.

use rand::Rng;

use crate::alone;
use crate::known_truth::adds;
use crate::support::{Ran, measured, run, sidecar};
use harness::measure::record::StageRecord;
use harness::measure::{Arm, Rule};
use harness_load::mcp::facts::Mcp;
use harness_load::mcp::method::Method;

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
#[ignore = "runs by night: scripts/nightly-tests"]
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
        let (ledger, sessions) = (mcp.ledger.as_ref().unwrap(), &mcp.sessions);
        assert_eq!((ledger.opened, ledger.deleted), (sessions.begun, sessions.deleted));
        assert!(ledger.tools > 5 && ledger.differing.is_empty() && mcp.calls.is_empty(), "{ledger:?}");
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
    let sum = |of: fn(&Mcp) -> u64| sum(&stage, of);
    let (begun, deleted, abandoned) =
        (sum(|mcp| mcp.sessions.begun), sum(|mcp| mcp.sessions.deleted), sum(|mcp| mcp.sessions.abandoned));
    assert!(begun > 40 && deleted > 10 && abandoned > 10, "{begun} begun, {deleted} deleted, {abandoned} abandoned");
    let calls = sum(|mcp| mcp.methods.values().map(|method| method.outcomes.ok).sum());
    let streamed = sum(|mcp| mcp.streamed) as f64 / calls as f64;
    // 15 % of the calls, of which there are five in eight or nine requests.
    assert!((0.06..=0.13).contains(&streamed), "{streamed} of the answers");
    assert!(ran.shows("answers were streams of events"), "{}", ran.stdout);
}

/// Returns the finding about the ledger of a run that must be invalid because of it.
fn rejected(flags: &[&str], revision: &str) -> (Ran, serde_json::Value) {
    let ran = run(&scenario(flags, revision, ""));
    ran.expect_code(6);
    let stage = ran.stage("mcp");
    let trials = stage.instances.iter().flat_map(|instance| &instance.rounds).flat_map(|round| &round.trials);
    let check = trials.flat_map(|trial| &trial.audit).find(|check| !check.passed && check.rule() == Rule::Ledger);
    let found = serde_json::to_value(&check.unwrap().found).unwrap();
    (ran, found)
}

/// Checks that the finding about the ledger names a tool that is drawn, every second call of which the sidecar treats as `flag` says.
fn assert_named(flag: &str, revision: &str, counted: &str) {
    let tool = format!("tool_{:03}", rand::rng().random_range(1..40));
    println!("{tool}");
    let (ran, found) = rejected(&[flag, &format!("{tool}:2")], revision);
    assert!(ran.truths.iter().all(|truth| truth["calls"][counted].as_u64() > Some(0)), "{:?}", ran.truths);
    let named = (&found["kind"], &found["tool"], &found["method"]);
    assert_eq!(named, (&"ledger".into(), &tool.as_str().into(), &"tools_call".into()));
    let (sent, hits) = (found["sent"].as_u64().unwrap(), found["upstream_hits"].as_u64().unwrap());
    assert_eq!(hits > sent, counted == "repeated", "{found}");
    assert!(ran.shows(&format!("calls of the tool {tool} sent")), "{}", ran.stdout);
}

#[test]
fn a_target_that_repeats_calls_of_one_tool_is_found_with_the_tool() {
    let _alone = alone();
    assert_named("--repeat-call", "2025-11-25", "repeated");
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_target_that_answers_calls_of_one_tool_itself_is_found_with_the_tool() {
    let _alone = alone();
    assert_named("--answer-call", "2026-07-28", "answered");
}

/// Sums what agents did through the target.
fn sum(stage: &StageRecord, of: fn(&Mcp) -> u64) -> u64 {
    let proxied = stage.valid_rounds().filter_map(|round| round.trial(Arm::Proxied));
    proxied.filter_map(|trial| trial.load.mcp.as_deref()).map(of).sum()
}

/// Checks that generator and upstream counted the same messages of each method, also where several are one request.
fn assert_methods(stage: &StageRecord) {
    for mcp in stage.valid_rounds().flat_map(|round| &round.trials).filter_map(|trial| trial.load.mcp.as_deref()) {
        for (method, facts) in &mcp.methods {
            assert_eq!(facts.upstream_hits, Some(facts.sent_total), "{method:?}");
        }
        assert!(mcp.ledger.as_ref().unwrap().differing.is_empty(), "{:?}", mcp.ledger);
    }
}

/// Runs agents in bursts before an upstream that sends notifications and comments on open streams.
fn busy(revision: &str, more: &str) -> Ran {
    let notify = "progress = 3 }, args = [\"--mcp-notify\", \"30ms\", \"--mcp-keep-alive\", \"40ms\"] }";
    let scenario = scenario(&[], revision, more).replace("burst = [1, 1]", "burst = [1, 4]");
    measured(&scenario.replace("progress = 3 } }", notify))
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn batches_and_streams_for_messages_of_the_server_are_counted_alike_by_both_ends() {
    let _alone = alone();
    let ran = busy("2025-03-26", "batches = \"50%\"\nlisten = \"100%\"");
    ran.expect_code(0);
    let stage = ran.stage("mcp");
    assert_methods(&stage);
    let (asked, begun) = (sum(&stage, |mcp| mcp.listened.asked), sum(&stage, |mcp| mcp.sessions.begun));
    assert!(asked > 20 && asked <= begun + 10, "{asked} streams of {begun} sessions");
    let failed = sum(&stage, |mcp| mcp.listened.failed + mcp.listened.wrong + mcp.listened.not_offered);
    assert_eq!((failed, sum(&stage, |mcp| mcp.listened.opened)), (0, asked));
    let (notifications, comments) =
        (sum(&stage, |mcp| mcp.listened.notifications), sum(&stage, |mcp| mcp.listened.comments));
    assert!(notifications > 20 && comments > 20, "{notifications} notifications, {comments} comments");
    let batches = sum(&stage, |mcp| mcp.batches);
    let calls = sum(&stage, |mcp| mcp.methods[&Method::ToolsCall].sent_total);
    // Five calls of a session are about two bursts, three quarters of which have more than one call.
    assert!(batches * 12 > calls && batches * 2 < calls, "{batches} batches, {calls} calls");
    assert!(
        ran.shows("requests were batches of calls") && ran.shows("streams for messages of the server"),
        "{}",
        ran.stdout
    );
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn subscriptions_are_acknowledged_and_counted_alike_by_both_ends() {
    let _alone = alone();
    let ran = busy("2026-07-28", "listen = \"50%\"");
    ran.expect_code(0);
    let stage = ran.stage("mcp");
    assert_methods(&stage);
    let subscribed = sum(&stage, |mcp| mcp.methods.get(&Method::Subscribe).map_or(0, |facts| facts.sent_total));
    let opened = sum(&stage, |mcp| mcp.listened.opened);
    assert!(subscribed > 10 && opened == subscribed, "{opened} of {subscribed}");
    // Each begins with its acknowledgement.
    assert!(sum(&stage, |mcp| mcp.listened.notifications) > opened / 2);
    assert_eq!(sum(&stage, |mcp| mcp.listened.failed + mcp.listened.wrong), 0);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn agents_speak_http2_with_all_calls_of_a_burst_on_one_connection() {
    let _alone = alone();
    for revision in ["2025-06-18", "2026-07-28"] {
        let bursts = scenario(&["--upstream-http", "2"], revision, "").replace("burst = [1, 1]", "burst = [1, 8]");
        let ran = measured(&format!("{bursts}\n[generator]\nwire = \"h2c\"\n"));
        ran.expect_code(0);
        assert_eq!(ran.value("errors/mcp_percent"), 0.0);
        assert_ledger(&ran.stage("mcp"));
        // Ten agents, the probes and the preflights.
        let connections = ran.truths[0]["connections"].as_u64().unwrap();
        assert!((10..=20).contains(&connections), "{connections} connections");
    }
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
