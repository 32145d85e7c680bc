//! Agents that speak MCP against a server that checks and counts for itself.

mod server;

use std::time::Duration;

use super::{Load, open_loop, order, request};
use crate::alone;
use harness::measure::outcome::{Outcome, Outcomes};
use harness::measure::{Arm, LoadFacts};
use harness_base::units::{Bytes, Nanos, Ratio};
use harness_load::LoadEngine;
use harness_load::mcp::facts::Mcp;
use harness_load::mcp::fault::Fault;
use harness_load::mcp::method::Method;
use harness_load::mcp::workload::{Revision, TextSize, Workload};
use harness_load::pace::Pace;
use harness_load::spec::{Body, Request};
use server::{McpServer, Script, Wrong};

const SCRIPT: Script =
    Script { tools: 5, wrong: Wrong::Nothing, every: 0, streams_every: 0, delay: Duration::from_millis(1) };

fn workload(revision: Revision) -> Workload {
    Workload {
        revision,
        tools: Some(5),
        tool: None,
        argument: "text".to_owned(),
        text: TextSize { median: Bytes(200), sigma: 1.0, largest: Bytes(4096) },
        calls: 10,
        burst: (1, 4),
        think: (Nanos::ZERO, Nanos::from_millis(2)),
        abandoned: Ratio(0.5),
        session_id: true,
        discover: true,
        progress: true,
        listen: Ratio(0.0),
        batches: Ratio(0.0),
    }
}

fn agents(workload: Workload) -> Vec<Request> {
    vec![Request { headers: Vec::new(), body: Body::Mcp(Box::new(workload)), ..request("mcp", 1, "/mcp") }]
}

async fn start(server: &McpServer, workload: Workload) -> Load {
    Load::start(server.address, 3, agents(workload)).await
}

fn mcp(facts: &LoadFacts) -> &Mcp {
    facts.mcp.as_deref().unwrap()
}

/// Checks the counts of each method against those of the server, and that they are all of the trial.
fn assert_counted(facts: &LoadFacts, server: &McpServer) {
    assert_eq!(server.violations(), Vec::<String>::new());
    let (mut outcomes, mut sent) = (Outcomes::default(), 0);
    for (method, counted) in &mcp(facts).methods {
        assert_eq!(counted.sent_total, server.hits(method.name()), "{method:?}");
        outcomes.merge(&counted.outcomes);
        sent += counted.sent_total;
    }
    assert_eq!((outcomes, sent), (facts.outcomes, facts.sent_total));
    // The tools of the server are t0 to t4, and each call is counted as sent, answered or not.
    let calls = &mcp(facts).calls;
    assert_eq!(calls.values().sum::<u64>(), server.hits("tools/call"));
    for (tool, sent) in calls {
        assert_eq!(*sent, server.hits(&format!("tool {tool}")), "{tool}");
    }
    assert_eq!(mcp(facts).faults.values().sum::<u64>(), facts.outcomes.wrong_body);
}

#[tokio::test]
async fn sessions_are_opened_used_and_left_as_the_protocol_asks() {
    let _alone = alone();
    let server = McpServer::start(Script { streams_every: 7, ..SCRIPT });
    let mut load = start(&server, workload(Revision::November2025)).await;
    let facts = load.trial(open_loop(400.0, 0, 1_500)).await;
    assert_eq!(facts.outcomes.describe(), "600 ok", "{:?}", facts.examples);
    assert_counted(&facts, &server);
    let counted = mcp(&facts);
    let sessions = counted.sessions;
    assert_eq!(sessions.begun, server.opened());
    assert_eq!(sessions.deleted, server.hits("DELETE"));
    assert_eq!(sessions.begun - sessions.deleted, server.sessions());
    assert!(sessions.begun > 10 && sessions.abandoned > 0 && sessions.deleted > 0, "{sessions:?}");
    assert_eq!((counted.streamed, counted.notifications), (server.streams(), 2 * server.streams()));
    let most = server.most_in_flight();
    assert!((2..=12).contains(&most), "{most} calls at the same time");
    load.end().await;
}

#[tokio::test]
async fn requests_without_sessions_describe_themselves_in_a_closed_loop() {
    let _alone = alone();
    let server = McpServer::start(Script { streams_every: 5, ..SCRIPT });
    let mut load = start(&server, workload(Revision::July2026)).await;
    let facts = load.trial(order(Pace::Closed { vus: 3 }, 0, 500)).await;
    assert!(facts.outcomes.are_ok() && facts.outcomes.ok > 100, "{} {:?}", facts.outcomes.describe(), facts.examples);
    assert_counted(&facts, &server);
    let counted = mcp(&facts);
    assert_eq!((counted.streamed, server.sessions()), (server.streams(), 0));
    let calls = &counted.methods[&Method::ToolsCall];
    assert!(calls.response.quantile(0.5).unwrap() >= Nanos::from_millis(1), "the server takes 1 ms");
    assert!(counted.methods[&Method::ToolsList].outcomes.ok > 2 && !counted.methods.contains_key(&Method::Initialize));
    load.end().await;
}

#[tokio::test]
async fn wrong_answers_are_counted_exactly_by_what_is_wrong_and_are_no_latencies() {
    let _alone = alone();
    for (wrong, fault, revision) in [
        (Wrong::Id, Fault::Id, Revision::November2025),
        (Wrong::IsError, Fault::ToolError, Revision::November2025),
        (Wrong::Error, Fault::Error, Revision::July2026),
        (Wrong::NoResultType, Fault::ResultType, Revision::July2026),
        (Wrong::CutStream, Fault::Stream, Revision::July2026),
    ] {
        let server = McpServer::start(Script { wrong, every: 6, ..SCRIPT });
        let mut load = start(&server, workload(revision)).await;
        let facts = load.trial(open_loop(500.0, 0, 400)).await;
        assert_counted(&facts, &server);
        let counted = mcp(&facts);
        assert_eq!(counted.faults.get(&fault), Some(&server.wrong()), "{wrong:?}: {:?}", counted.faults);
        assert!(server.wrong() > 10 && counted.faults.len() == 1, "{wrong:?}: {:?}", counted.faults);
        let calls = &counted.methods[&Method::ToolsCall];
        assert_eq!(calls.outcomes.of(Outcome::WrongBody), server.wrong());
        let stalled = facts.stalls.map_or(0, |stalls| stalls.requests);
        let recorded = calls.response.count();
        assert!((calls.outcomes.ok.saturating_sub(stalled)..=calls.outcomes.ok).contains(&recorded), "{recorded}");
        assert!(facts.examples[0].starts_with("tools/call: "), "{:?}", facts.examples);
        load.end().await;
    }
}

#[tokio::test]
async fn a_session_that_the_server_lost_is_opened_again() {
    let _alone = alone();
    let server = McpServer::start(Script { wrong: Wrong::NoSuchSession, every: 25, ..SCRIPT });
    let one_by_one = Workload { burst: (1, 1), abandoned: Ratio(0.0), ..workload(Revision::November2025) };
    let mut load = start(&server, one_by_one).await;
    let facts = load.trial(open_loop(500.0, 0, 500)).await;
    assert_counted(&facts, &server);
    let sessions = mcp(&facts).sessions;
    assert_eq!((sessions.lost, facts.outcomes.wrong_status), (server.wrong(), server.wrong()));
    assert!(sessions.lost > 3 && sessions.begun > sessions.lost, "{sessions:?}");
    load.end().await;
}

#[tokio::test]
async fn the_preflight_sends_one_request_of_each_kind_and_shows_what_is_wrong() {
    let _alone = alone();
    for (revision, expected) in [
        (
            Revision::November2025,
            &["initialize", "notifications/initialized", "tools/list", "tools/call", "DELETE"][..],
        ),
        (Revision::July2026, &["server/discover", "tools/list", "tools/call"]),
    ] {
        let server = McpServer::start(SCRIPT);
        let mut load = start(&server, workload(revision)).await;
        let preflight = load.generator.preflight(Arm::Direct).await.unwrap();
        let sent: Vec<&str> = preflight.answers.iter().map(|answer| answer.request.as_str()).collect();
        assert_eq!((sent.as_slice(), preflight.is_ok()), (expected, true), "{preflight:?}");
        assert_eq!((server.sessions(), server.violations()), (0, Vec::new()));
        load.end().await;
    }
    let server = McpServer::start(SCRIPT);
    let mut load = start(&server, Workload { tools: Some(6), ..workload(Revision::July2026) }).await;
    let preflight = load.generator.preflight(Arm::Direct).await.unwrap();
    let last = preflight.answers.last().unwrap();
    assert_eq!((last.request.as_str(), last.outcome), ("tools/list", Outcome::WrongBody));
    assert!(last.example.as_ref().unwrap().contains("wrong number of tools (5 instead of 6)"), "{last:?}");
    load.end().await;
}

#[tokio::test]
async fn connections_for_all_calls_of_a_burst_are_opened_before_the_trial() {
    let _alone = alone();
    let server = McpServer::start(SCRIPT);
    let mut load = start(&server, workload(Revision::July2026)).await;
    let opened = load.generator.open(Arm::Direct).await.unwrap();
    assert_eq!((opened.connections, opened.failed), (3, 0), "agents, each with four connections");
    let facts = load.trial(open_loop(200.0, 0, 200)).await;
    assert_eq!(facts.reconnects, 0);
    load.end().await;
}
