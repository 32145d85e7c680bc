//! How a scenario describes a shim between pipes.

use harness_rig::target::spec::StdioSpec;

use super::*;

const SHIM: &str = r#"
name = "shim"
[target.stdio]
command = ["my-shim", "--log={file.log.conf}", "--", "{server}"]
server = ["node", "server.js", "${LEVEL:-6}"]
env = { A = "1" }
[target.files]
"log.conf" = "conf/bench.cedar"
[stage.stdio]
rate = "500/s"
in_flight = 8
[stage.most]
kind = "stdio"
closed = true
[targets]
"overhead/stdio_p99" = { limit = "< 2ms" }
"throughput/stdio_messages@most" = { limit = "> 10000/s" }
"#;

fn stdio(launch: &Launch) -> &StdioSpec {
    match launch {
        Launch::Stdio(stdio) => stdio,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_shim_has_a_server_and_both_loops() {
    let found = good(SHIM, &["stage.stdio.text=1KiB", "stage.stdio.timeout=\"1s\""]);
    let spec = stdio(&found.target.launch);
    assert_eq!((spec.shim.command.len(), spec.server.len()), (4, 3));
    assert_eq!(spec.alone().shim.command, ["{server}"]);
    let [open, closed] = &found.stages[..] else { panic!("{:?}", found.stages) };
    assert!(matches!(&open.upstream, Some(Upstream::Stdio(server)) if server.server[0] == "node"));
    let [load, most] = [open, closed].map(|stage| stage.work.planned().load().unwrap());
    assert!(load.paired && load.connections == 8 && matches!(load.pace, Pace::Open { .. }), "{load:?}");
    assert!(most.paired && most.connections == 32 && matches!(most.pace, Pace::Closed { vus: 32 }), "{most:?}");
    let Body::Mcp(workload) = &open.requests[0].body else { panic!("{:?}", open.requests) };
    assert_eq!((workload.text.median.0, workload.text.sigma, workload.burst), (1024, 0.0, (1, 1)));
    let text = Plan::new(&found, &Options::default()).unwrap().to_string();
    for words in [
        "my-shim",
        "node server.js",
        "500/s with up to 8 messages under way",
        "32 messages under way at any time",
        "tools/call of MCP 2025-11-25 over pipes",
    ] {
        assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{words}: {text}");
    }
    let compared = good(SHIM, &["compare.command=[\"old-shim\", \"{server}\"]"]);
    assert_eq!(stdio(&compared.compare.base.unwrap().launch).shim.command, ["old-shim", "{server}"]);
    let alone = good(&SHIM.replace("\"my-shim\", \"--log={file.log.conf}\", \"--\", ", ""), &[]);
    assert_eq!(stdio(&alone.target.launch).shim.command, ["{server}"], "the server is its own shim");
}

#[test]
fn mistakes_of_shims_are_named() {
    let stage = "[stage.stdio]\n";
    for (from, to, message) in [
        ("\"{server}\"]", "\"server.js\"]", "does not name {server}, so the shim would start another server"),
        ("\"{server}\"]", "\"--server={server}\"]", "{server} is not a placeholder"),
        ("\"my-shim\"", "\"builtin:shim\"", "\"builtin:shim\" is not bundled"),
        ("command = ", "run = ", "command: is missing"),
        ("{file.log.conf}", "{file.lag.conf}", "{file.lag.conf} is not in [target.files]"),
        ("\"server.js\"", "\"{upstream.url}\"", "has no meaning: the scenario has no [upstream]"),
        (stage, "[stage.startup]\n[stage.stdio]\n", "needs a server that listens, and [target.stdio] has pipes"),
        (stage, "[upstream.builtin]\n[stage.stdio]\n", "the scenario can have no [upstream]"),
        (stage, "[target.endpoints]\nproxy = \"http://127.0.0.1:1\"\n[stage.stdio]\n", "has pipes and no address"),
        ("in_flight = 8", "in_flight = 0", "must be 1 to 20000, is 0"),
        ("closed = true", "closed = true\nrate = \"5/s\"", "is not sent at in a closed loop"),
        ("stdio_p99\"", "stdio_p99@most\"", "the stage is a closed loop"),
        ("stdio_messages@most", "stdio_messages", "sends at a rate that is given"),
    ] {
        let found = mistakes(&SHIM.replacen(from, to, 1), &[]);
        assert!(found.iter().any(|mistake| mistake.contains(message)), "{message}: {found:#?}");
    }
    let found = mistakes(&format!("{GOOD}\n[stage.stdio]\n"), &[]);
    assert!(
        found.iter().any(|mistake| mistake.contains("measures a shim between pipes, and the target is none")),
        "{found:#?}"
    );
}
