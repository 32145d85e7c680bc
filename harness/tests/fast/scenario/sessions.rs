//! Stage `sessions`, and the MCP server of the bundled upstream.

use super::*;
use harness::stages::sessions::facts::{Ends, Held};
use harness_base::units::Bytes;
use harness_load::mcp::workload::Revision;
use harness_rig::target::spec::McpServer;

fn named(stage: &str, overrides: &[&str]) -> String {
    mistakes(&format!("{GOOD}\n[stage.sessions]\n{stage}\n"), overrides).join("\n")
}

fn work(stage: &str) -> harness::stages::sessions::work::Work {
    let found = good(&format!("{GOOD}\n[stage.sessions]\n{stage}\n"), &[]);
    match found.stages.into_iter().find(|stage| stage.name == "sessions").unwrap().work {
        Work::Sessions(work) => work,
        other => panic!("{other:?}"),
    }
}

#[test]
fn sessions_and_streams_have_their_defaults() {
    let sessions = work("");
    assert_eq!((sessions.held, sessions.revision), (Held::Sessions, Revision::November2025));
    assert_eq!((sessions.launches, sessions.most, sessions.steps, sessions.per_connection), (6, 200, 5, 1));
    assert_eq!(sessions.ends, Ends { delete: 0.5, close: 0.5, abandon: 0.0, finish: 0.0 });
    let opened: Vec<u64> = (0..=5).map(|step| sessions.open_after(step)).collect();
    assert_eq!(opened, [0, 40, 80, 120, 160, 200]);
    let streams = work("open = \"streams\"");
    assert_eq!((streams.held, streams.revision), (Held::Streams, Revision::July2026));
    assert_eq!(streams.ends, Ends { delete: 0.0, close: 1.0, abandon: 0.0, finish: 0.0 });
}

#[test]
fn requests_in_flight_have_bodies_and_are_finished() {
    let requests = work("open = \"requests\"\nbody = \"1MiB\"");
    assert_eq!((requests.held, requests.body, requests.path.as_str()), (Held::Requests, Bytes(1 << 20), "/"));
    assert_eq!(requests.ends, Ends { delete: 0.0, close: 0.0, abandon: 0.0, finish: 1.0 });
    let some = work("open = \"requests\"\nend = { finish = \"70%\", close = \"20%\" }").ends;
    assert!((some.abandon - 0.1).abs() < 1e-9 && some.finish == 0.7, "{some:?}");
    assert!(named("open = \"requests\"\nend = { delete = \"10%\" }", &[]).contains("is about sessions"));
    assert!(named("end = { finish = \"10%\" }", &[]).contains("is about requests"));
    assert!(named("body = \"1MiB\"", &[]).contains("is about requests"));
    assert!(named("open = \"requests\"\nbody = \"1GiB\"", &[]).contains("must be 1B to"));
    assert!(named("open = \"requests\"\nper_connection = 2", &[]).contains("a connection of its own"));
}

#[test]
fn what_is_neither_deleted_nor_closed_is_abandoned() {
    let ends = work("end = { delete = \"60%\", close = \"15%\" }").ends;
    assert!((ends.abandon - 0.25).abs() < 1e-9 && ends.delete == 0.6, "{ends:?}");
    let shared = work("most = 100\nsteps = 3\nper_connection = 7");
    let opened: Vec<u64> = (0..=3).map(|step| shared.open_after(step)).collect();
    assert_eq!(opened, [0, 35, 70, 105], "whole connections");
}

#[test]
fn mistakes_name_what_to_write() {
    assert!(named("revision = \"2026-07-28\"", &[]).contains("has no sessions"));
    assert!(named("revision = \"2024-01-01\"", &[]).contains("must be one of 2025-03-26"));
    let streams = "open = \"streams\"\n";
    assert!(named(&format!("{streams}per_connection = 2"), &[]).contains("a connection of its own"));
    assert!(
        named(&format!("{streams}end = {{ delete = \"10%\" }}"), &[])
            .contains("which revision 2026-07-28 does not have")
    );
    assert!(named("end = { delete = \"60%\", close = \"60%\" }", &[]).contains("120% together"));
    assert!(named("most = 3", &[]).contains("each step opens at least one connection"));
    assert!(named("steps = 1", &[]).contains("a slope needs them"));
    assert!(named("most = 30000", &[]).contains("at most 20000"));
}

#[test]
fn a_plan_describes_the_steps_and_their_ends() {
    let found = good(&format!("{GOOD}\n[stage.sessions]\n"), &[]);
    let plan = Plan::new(&found, &Options::default()).unwrap().to_string();
    assert!(plan.contains("200 MCP sessions (2025-11-25) in 5 steps"), "{plan}");
    assert!(plan.contains("50% deleted, 50% closed"), "{plan}");
    let quick = Plan::new(&found, &Options { quick: true, ..Options::default() }).unwrap().to_string();
    assert!(quick.contains("2 launches, each with 100 MCP sessions"), "{quick}");
}

#[test]
fn the_mcp_server_of_the_upstream_is_set_for_all_stages_or_for_one() {
    let server = |text: &str, overrides: &[&str]| {
        let found = good(text, overrides);
        let stage = found.stages.into_iter().find(|stage| stage.name == "overhead").unwrap();
        match stage.upstream {
            Some(Upstream::Builtin(builtin)) => builtin.mcp,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(server(GOOD, &[]), None);
    let all = ["upstream.builtin.mcp.tools=40", "upstream.builtin.mcp.sse=15%"];
    let expected = McpServer { tools: 40, sse: Some(Ratio(0.15)), ..McpServer::default() };
    assert_eq!(server(GOOD, &all), Some(expected.clone()));
    let one = [all[0], all[1], "stage.overhead.upstream.mcp.progress=7"];
    assert_eq!(server(GOOD, &one), Some(McpServer { progress: 7, ..expected }));
    let text = mistakes(GOOD, &["upstream.builtin.mcp.tools=0", "upstream.builtin.mcp.sse=101%"]).join("\n");
    assert!(text.contains("between 1 and 10000") && text.contains("between 0% and 100%"), "{text}");
}
