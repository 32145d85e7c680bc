//! Scenarios: what is read, what is refused and with which words, and what a plan makes of them.

mod constrained;
mod expect;
mod import;
mod limits;
mod soak;
mod tls;

use std::path::{Path, PathBuf};

use harness::measure::LedgerRule;
use harness::measure::metric::Unit;
use harness::measure::record::StageKind;
use harness::plan::{Options, Plan};
use harness::scenario::{self, Scenario};
use harness::work::load::LoadWork;
use harness::work::{Stage, Work};
use harness_base::units::{Nanos, Rate, Ratio};
use harness_load::pace::{Arrivals, Pace};
use harness_load::spec::Body;
use harness_rig::target::spec::{ImageSpec, Launch, Network, Placed, Upstream};
use proptest::prelude::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn shipped() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    paths.sort();
    assert!(paths.len() >= 8, "{paths:?}");
    paths
}

fn parse(text: &str, overrides: &[&str]) -> Result<Scenario, scenario::Error> {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    Scenario::parse(text, Path::new("scenarios/x.toml"), folder(), &overrides)
}

fn good(text: &str, overrides: &[&str]) -> Scenario {
    parse(text, overrides).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns the mistakes, one line each, without the lines around them.
fn mistakes(text: &str, overrides: &[&str]) -> Vec<String> {
    match parse(text, overrides) {
        Ok(_) => Vec::new(),
        Err(scenario::Error::Mistakes { mistakes, .. }) => mistakes.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
    }
}

/// A scenario without mistakes, to which each test adds one.
const GOOD: &str = r#"
name = "x"
[upstream.builtin]
[target.process]
command = ["builtin:sidecar", "--listen", "127.0.0.1:{port.proxy}", "--admin", "127.0.0.1:{port.admin}"]
[target.endpoints]
proxy = "http://127.0.0.1:{port.proxy}"
ready = "http://127.0.0.1:{port.admin}/ready"
[request]
path = "/a"
expect = { status = 200 }
[stage.overhead]
[stage.capacity]
vus = 20
"#;

#[test]
fn five_mistakes_are_five_lines() {
    let text = r#"name = "x"
[upstream.builtin]
delay = "3 parsecs"

[target.process]
comand = ["my-proxy", "--port", "{port.proxy}"]
command = ["my-proxy", "--port", "{port.proxy}"]

[target.endpoints]
proxy = "http://127.0.0.1:{port.prxy}"

[request]
method = "POST"
path = "/mcp/v1"
body_file = "payloads/tool-call.json"

[stage.overhead]
rounds = 5
"#;
    let expected = r#"scenarios/x.toml has 5 mistakes
  line 3: upstream.builtin.delay: "3 parsecs" is not a duration such as "30s" or "500us" (units: ns, us, µs, ms, s, m, h)
  line 6: target.process.comand: unknown key (did you mean command?)
  line 10: target.endpoints.proxy: {port.prxy} is not passed to any program, so nothing listens there (did you mean {port.proxy}?)
  line 15: request.body_file: cannot read payloads/tool-call.json: No such file or directory (os error 2) (paths are relative to the scenario, and the file must be UTF-8)
  line 18: stage.overhead.rounds: must be at least 6, is 5: fewer rounds have no 95 % interval
hint: `harness check scenarios/x.toml` validates without starting anything"#;
    assert_eq!(parse(text, &[]).unwrap_err().to_string(), expected);
}

/// What is written instead of what in [`GOOD`], and how the only mistake reads from its start.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("name = \"x\"", "name = \"a/b\"", "line 2: name: \"a/b\" must be 1 to 64 letters"),
    ("name = \"x\"", "name = \"x\"\nsede = 1", "line 3: sede: unknown key (did you mean seed?)"),
    ("[upstream.builtin]", "", "line 12: stage.overhead: overhead is a difference to the upstream"),
    (
        "[upstream.builtin]",
        "[upstream]\nurl = \"http://10.1.1.1:80\"",
        "line 4: upstream.url: \"10.1.1.1\" is not this host",
    ),
    ("[upstream.builtin]", "[upstream]\nbuiltin = {}\nurl = \"http://[::1]:80\"", "line 5: upstream.url: only one of"),
    ("builtin:sidecar", "builtin:sidcar", "line 5: target.process.command.0: \"builtin:sidcar\" is not bundled"),
    ("\"--admin\"", "\"--to={upstream.uri}\"", "line 5: target.process.command.3: {upstream.uri} is not a placeholder"),
    ("\"--admin\"", "\"{port.proxy\"", "line 5: target.process.command.3: \"{port.proxy\" has a { without its }"),
    ("\"--admin\"", "\"{file.a}\"", "line 5: target.process.command.3: {file.a} is not in [target.files] (add"),
    (
        "[target.endpoints]",
        "[target.container]\nimage = \"x\"\n[target.endpoints]",
        "line 6: target.container: only one of process, container can be given",
    ),
    ("[target.process]", "[target.container]", "line 4: target.container: needs one of image, binary"),
    (
        "[target.process]",
        "[target.container]\nimage = \"a\"\nbinary = \"b\"",
        "line 6: target.container.binary: only one of",
    ),
    (
        "[target.process]",
        "[target.container]\nbinary = \"builtin:x\"",
        "line 5: target.container.binary: \"builtin:x\" is not bundled",
    ),
    (
        "[target.process]",
        "[target.container]\nimage = \"a\"\nnetwork = \"lan\"",
        "line 6: target.container.network: must be one of host, bridge",
    ),
    (
        "[target.process]",
        "[target.container]\nimage = \"a\"\nmounts = [\"conf\"]",
        "line 6: target.container.mounts.0: \"conf\" is not",
    ),
    (
        "[target.process]",
        "[target.container]\nimage = \"a\"\nfiles = [\"no:/a\"]",
        "line 6: target.container.files.0: there is no",
    ),
    (
        "[target.process]",
        "[target.container]\nimage = \"a\"\nulimits = { nofiles = 9 }",
        "line 6: target.container.ulimits.nofiles: is not a process limit (did you mean nofile?)",
    ),
    ("\"--admin\"", "\"{target.address}\"", "line 5: target.process.command.3: {target.address} is known only once"),
    (
        "[target.endpoints]",
        "[target]\nfiles = { \"a.yaml\" = \"conf/no.yaml\" }\n[target.endpoints]",
        "line 7: target.files.a.yaml: cannot read conf/no.yaml",
    ),
    (
        "[target.endpoints]",
        "env = { A = \"{upstream.url\" }\n[target.endpoints]",
        "line 6: target.process.env.A: \"{upstream.url\" has a { without its }",
    ),
    (
        "proxy = \"http:",
        "proxy = \"ftp:",
        "line 7: target.endpoints.proxy: \"ftp://127.0.0.1:9\" must start with http:// or https://",
    ),
    (
        "{port.proxy}\"\nready",
        "{port.proxy}/x\"\nready",
        "line 7: target.endpoints.proxy: \"http://127.0.0.1:9/x\" must end after the port",
    ),
    (
        "{port.admin}/ready",
        "{port.amdin}/ready",
        "line 8: target.endpoints.ready: {port.amdin} is not passed to any program, so nothing listens there (did you \
         mean {port.admin}?)",
    ),
    ("path = \"/a\"", "path = \"a\"", "line 10: request.path: \"a\" must start with /"),
    ("path = \"/a\"", "path = \"/a\"\nmethod = \"post\"", "line 11: request.method: \"post\" is not one of GET"),
    ("path = \"/a\"", "path = \"/a\"\nweight = 0", "line 11: request.weight: must be at least 1"),
    ("path = \"/a\"", "path = \"/a\"\ntimeout = \"0s\"", "line 11: request.timeout: must be longer than 0"),
    (
        "path = \"/a\"",
        "path = \"/a\"\nheaders = { \"a b\" = \"c\" }",
        "line 11: request.headers.a b: \"a b\" is not a header name",
    ),
    (
        "path = \"/a\"",
        "path = \"/a\"\nheaders = { Content-Length = \"3\" }",
        "line 11: request.headers.Content-Length: is written by the generator",
    ),
    (
        "path = \"/a\"",
        "path = \"/a\"\nbody = \"\"\nbody_file = \"payloads/tools-call.json\"",
        "line 12: request.body_file: gives a second body, in addition to body",
    ),
    (
        "path = \"/a\"",
        "path = \"/a\"\ntemplate = \"{{sequ}}\"",
        "line 11: request.template: {{sequ}} is not a field; there are {{seq}}",
    ),
    (
        "path = \"/a\"",
        "path = \"/a\"\ntemplate = \"{{int 5 1}}\"",
        "line 11: request.template: {{int 5 1}}: 5 is above 1",
    ),
    ("status = 200", "status = 99", "line 11: request.expect.status: 99 is not a final HTTP status"),
    (
        "status = 200",
        "json = { present = [\"/a\", \"a.b\"] }",
        "line 11: request.expect.json.present.1: \"a.b\" is not a JSON pointer: it must start with / (/a/b)",
    ),
    (
        "status = 200",
        "json = { present = [\"/a\"], absent = [\"/a\"] }",
        "line 11: request.expect.json.absent: \"/a\" cannot be present and absent",
    ),
    (
        "status = 200",
        "status = 200, upstream_hits = \"twice\"",
        "line 11: request.expect.upstream_hits: must be one of exact, at_least, none",
    ),
    (
        "[stage.overhead]",
        "[stage.overhaed]",
        "line 12: stage.overhaed: unknown stage kind \"overhaed\" (did you mean [stage.overhead]?",
    ),
    (
        "[stage.overhead]",
        "[stage.overhead]\nkind = \"capacity\"",
        "line 13: stage.overhead.kind: \"capacity\" contradicts the stage's name",
    ),
    ("[stage.overhead]", "[stage.o]\nkind = \"overheat\"", "line 13: stage.o.kind: must be one of artifact"),
    ("[stage.overhead]", "[stage.overhead]\nwindow = \"0s\"", "line 13: stage.overhead.window: must be longer than 0"),
    (
        "[stage.overhead]",
        "[stage.overhead]\nramp = \"1s\"",
        "line 13: stage.overhead.ramp: 1s is longer than the warm-up of 50ms",
    ),
    (
        "[stage.overhead]",
        "[stage.overhead]\nrate = \"1/m\"",
        "line 12: stage.overhead.window: is too short for a single request",
    ),
    (
        "[stage.overhead]",
        "[stage.overhead]\nrate = 1000",
        "line 13: stage.overhead.rate: must be a rate such as \"1000/s\", is a whole number",
    ),
    ("[stage.overhead]", "[stage.overhead]\nvus = 3", "line 13: stage.overhead.vus: unknown key"),
    ("[stage.overhead]", "[stage.overhead]\nconnections = 0", "line 13: stage.overhead.connections: must be 1 to"),
    (
        "[stage.overhead]",
        "[stage.overhead]\ninstances = 101",
        "line 13: stage.overhead.instances: 101 instances cannot share 100 rounds",
    ),
    (
        "[stage.overhead]",
        "[stage.overhead]\nlimits = { cpus = 0.001 }",
        "line 13: stage.overhead.limits.cpus: must be at least 0.01, is 0.001",
    ),
    (
        "[stage.overhead]",
        "[stage.overhead]\nlimits = { memory = \"1MiB\" }",
        "line 13: stage.overhead.limits.memory: must be at least 6.00 MiB, is 1MiB",
    ),
    (
        "[stage.overhead]",
        "[stage.overhead]\nlimits = { cpu = 1 }",
        "line 13: stage.overhead.limits.cpu: unknown key (did you mean cpus?)",
    ),
    (
        "[stage.overhead]",
        "[stage.constrained]\nlimits = {}\n[stage.overhead]",
        "line 13: stage.constrained.limits: limits nothing (write limits = { cpus = 0.5, memory = \"128MiB\" })",
    ),
    (
        "[stage.overhead]",
        "[stage.limits]\ncpus = []\n[stage.overhead]",
        "line 13: stage.limits.cpus: needs at least one value",
    ),
    (
        "[stage.overhead]",
        "[stage.limits]\nobjective = { p90 = \"1ms\" }\n[stage.overhead]",
        "line 13: stage.limits.objective.p90: unknown key (did you mean p99?)",
    ),
    (
        "[stage.overhead]",
        "[stage.overhead]\nrequest = [\"b\"]",
        "line 13: stage.overhead.request.0: there is no [request.b]",
    ),
    (
        "[stage.overhead]",
        "[stage.overhead]\naudit = { eror = \"1%\" }",
        "line 13: stage.overhead.audit.eror: unknown key (did you mean errors?)",
    ),
    (
        "[stage.overhead]",
        "[stage.overhead]\nupstream = { dely = \"1ms\" }",
        "line 13: stage.overhead.upstream.dely: unknown key (did you mean delay?)",
    ),
    ("[stage.overhead]", "[stage.overhead]\ncpuset = []", "line 13: stage.overhead.cpuset: must name at least one CPU"),
    ("vus = 20", "vus = 20\n[gate]\nconfrm = false", "line 16: gate.confrm: unknown key (did you mean confirm?)"),
    ("vus = 20", "vus = 20\n[gate]\nconsecutive = 0", "line 16: gate.consecutive: must be at least 1, is 0"),
    (
        "vus = 20",
        "vus = 20\n[gate.latncy]\nalert = { change = \"+5%\" }",
        "line 15: gate.latncy: unknown category or metric latncy (did you mean [gate.latency]?)",
    ),
    (
        "vus = 20",
        "vus = 20\n[gate.\"latency/p51\"]\n",
        "line 15: gate.latency/p51: unknown category or metric latency/p51 (did you mean [gate.\"latency/p50\"]?)",
    ),
    (
        "vus = 20",
        "vus = 20\n[gate.\"latency/p50@far\"]\n",
        "line 15: gate.latency/p50@far: unknown stage far (stages: overhead, capacity)",
    ),
    (
        "vus = 20",
        "vus = 20\n[gate.latency]\nalert = { change = \"-5%\" }",
        "line 16: gate.latency.alert.change: \"-5%\" points the wrong way: lower latency is better (write \"+5%\")",
    ),
    (
        "vus = 20",
        "vus = 20\n[gate.throughput]\nblock = { change = \"+30%\" }",
        "line 16: gate.throughput.block.change: \"+30%\" points the wrong way: higher throughput is better (write \"-30%\")",
    ),
    (
        "vus = 20",
        "vus = 20\n[gate.memory]\nalert = { change = \"+15%\", p = 5 }",
        "line 16: gate.memory.alert.p: must lie between 0 and 1, is 5",
    ),
    ("vus = 20", "vus = 20\n[gate.memory]\nalert = { p = 0.05 }", "line 16: gate.memory.alert.change: is missing"),
    (
        "vus = 20",
        "vus = 20\n[gate.binary]\nalert = { change = \"+5%\", p = 0.05 }",
        "line 16: gate.binary.alert.p: has no effect",
    ),
    (
        "vus = 20",
        "vus = 20\n[gate.latency]\nalert = { change = \"+30%\" }",
        "line 16: gate.latency.alert: a block (+25% with p < 0.01) must not be milder than an alert (+30% with p < 0.05)",
    ),
    ("vus = 20", "vus = 20\n[gate.memory]\nmin_abs = \"1ms\"", "line 16: gate.memory.min_abs: \"1ms\" is not a size"),
    (
        "vus = 20",
        "vus = 20\n[gate.guard]\nlatency = \"-15%\"",
        "line 16: gate.guard.latency: \"-15%\" points the wrong way",
    ),
    (
        "vus = 20",
        "vus = 20\n[targets]\n\"overhead/latency_p5\" = { limit = \"< 2ms\" }",
        "line 16: targets.overhead/latency_p5: unknown metric overhead/latency_p5 (did you mean overhead/latency_p50?)",
    ),
    (
        "vus = 20",
        "vus = 20\n[targets]\n\"overhead/latency_p50\" = { limit = \"> 2ms\" }",
        "line 16: targets.overhead/latency_p50.limit: \"> 2ms\" points the wrong way",
    ),
    (
        "vus = 20",
        "vus = 20\n[targets]\n\"overhead/latency_p50\" = { limit = \"< 2MB\" }",
        "line 16: targets.overhead/latency_p50.limit: \"2MB\" is not a duration",
    ),
    (
        "vus = 20",
        "vus = 20\n[targets]\n\"overhead/latency_p50\" = {}",
        "line 16: targets.overhead/latency_p50.limit: is missing",
    ),
    (
        "vus = 20",
        "vus = 20\n[targets]\n\"startup/to_ready\" = { limit = \"< 2ms\" }",
        "line 16: targets.startup/to_ready: no stage startup measures it (add [stage.startup])",
    ),
    (
        "vus = 20",
        "vus = 20\n[targets]\n\"latency/p50@overhed\" = { limit = \"< 2ms\" }",
        "line 16: targets.latency/p50@overhed: no stage overhed measures it (did you mean latency/p50?)",
    ),
    (
        "vus = 20",
        "vus = 20\n[targets]\n\"latency/p50@capacity\" = { limit = \"< 2ms\" }",
        "line 16: targets.latency/p50@capacity: stage capacity is of kind capacity",
    ),
    (
        "vus = 20",
        "vus = 20\n[targets]\n\"throughput/rps_10vu\" = { limit = \"> 9/s\" }",
        "line 16: targets.throughput/rps_10vu: stage capacity has 20 users (did you mean throughput/rps_20vu?)",
    ),
    ("vus = 20", "vus = ", "line 14: TOML syntax:"),
];

#[test]
fn every_mistake_is_reported_once_with_its_line_and_what_to_do() {
    assert_eq!(mistakes(GOOD, &[]), [""; 0]);
    let mut wrong = Vec::new();
    for (written, instead, expected) in MISTAKES {
        assert!(GOOD.contains(written), "{written}");
        let found = mistakes(&GOOD.replacen(written, instead, 1), &[]);
        if found.len() != 1 || !found[0].starts_with(expected) {
            wrong.push(format!("{instead}\nexpected {expected}\nfound    {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_container_is_read_with_its_network_and_what_it_sees() {
    let table = "[target.container]\nbinary = \"builtin:sidecar\"\nnetwork = \"bridge\"\nuser = \"1:1\"\n\
        env = { A = \"{upstream.url}\" }\nmounts = [\"sidecar.toml:/etc/a\"]\nulimits = { nofile = 1024 }\n";
    let text = GOOD.replace("[target.process]\n", table).replace("[\"builtin:sidecar\", ", "[");
    let found = mistakes(&text, &[]);
    let own_address = "answers at its own address, not on loopback (write http://{target.address}:8080)";
    assert!(found.len() == 2 && found.iter().all(|mistake| mistake.ends_with(own_address)), "{found:#?}");

    let text = text.replace("http://127.0.0.1:", "http://{target.address}:");
    let Launch::Container(container) = good(&text, &[]).target.launch else { panic!("a container") };
    assert_eq!(
        (container.image, container.network),
        (ImageSpec::Binary("builtin:sidecar".to_owned()), Network::Bridge)
    );
    assert_eq!((container.command.len(), container.ulimits), (4, vec![("nofile".to_owned(), 1024)]));
    let mounted = Placed { from: folder().join("sidecar.toml"), to: PathBuf::from("/etc/a") };
    assert_eq!((container.mounts, container.user.as_deref()), (vec![mounted], Some("1:1")));

    let unreachable = text.replace("[upstream.builtin]", "[upstream]\nurl = \"http://127.0.0.1:9\"");
    let found = mistakes(&unreachable, &[]);
    assert!(
        found.len() == 1 && found[0].contains("target.container.env.A: {upstream.url} is on loopback, out of reach"),
        "{found:#?}"
    );
    let untold = mistakes(&text.replace("{target.address}:{port.proxy}", "{target.address}:{port.prox}"), &[]);
    assert!(untold.len() == 1 && untold[0].contains("{port.prox} is not passed to any program"), "{untold:#?}");
}

#[test]
fn an_external_target_is_never_launched() {
    let text = GOOD.replace("[target.process]", "[target.external]\nport = 80 #").replace("command =", "#");
    let mut found = mistakes(&format!("{text}\n[stage.startup]\n[stage.idle]\nlaunches = 2\n"), &[]);
    let last = found.split_off(found.len() - 2);
    assert!(last[0].contains("launches the target, and an external target runs already"), "{last:#?}");
    assert!(last[1].contains("stage.idle.launches: harness cannot start an external target"), "{last:#?}");
    assert!(found.iter().all(|mistake| mistake.contains("cannot be a free port")) && found.len() == 2, "{found:#?}");
    let text = text.replace("{port.proxy}", "80").replace("{port.admin}", "81");
    let scenario = good(&format!("{text}\n[stage.idle]\n"), &[]);
    assert!(matches!(scenario.target.launch, Launch::External(_)));
    assert!(matches!(&scenario.stages[2].work, Work::Idle(idle) if idle.launches == 1));
}

#[test]
fn an_upstream_of_the_authors_own_is_reported_its_port_and_counts_no_hits() {
    let own = "[upstream.process]\ncommand = [\"up\", \"{port.up}\"]\nurl = \"http://127.0.0.1:{port.up}\"";
    let scenario = good(&GOOD.replace("[upstream.builtin]", own), &[]);
    assert!(matches!(scenario.stages[0].upstream, Some(Upstream::Process { .. })));
    assert_eq!(scenario.stages[0].requests[0].expect.upstream_hits, LedgerRule::Unknown);
    let wrong = own.replace("\"{port.up}\"]", "\"{file.a}\"]");
    let found = mistakes(
        &GOOD.replace("[upstream.builtin]", &wrong).replace("status =", "upstream_hits = \"exact\", status ="),
        &[],
    );
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].contains("{file.a} belongs to the target"), "{found:#?}");
    assert!(found[1].contains("{port.up} is not passed to any program"), "{found:#?}");
    assert!(found[2].contains("only the bundled upstream counts its hits"), "{found:#?}");
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let scenario = good(GOOD, &[]);
    let [overhead, capacity] = scenario.stages.as_slice() else { panic!("{:?}", scenario.stages) };
    let pace = |rate| Pace::Open { rate: Rate(rate), arrivals: Arrivals::Jittered };
    let expected = LoadWork {
        instances: 10,
        rounds: 100,
        pace: pace(1000.0),
        connections: 10,
        ramp: Nanos::ZERO,
        warmup: Nanos::from_millis(50),
        window: Nanos::from_millis(200),
        paired: true,
        tail: Nanos::from_secs(60),
    };
    assert_eq!(load(&overhead.work), expected);
    let (warmup, window) = (Nanos::from_millis(500), Nanos::from_secs(2));
    let (pace, connections) = (Pace::Closed { vus: 20 }, 20);
    let expected =
        LoadWork { instances: 1, rounds: 10, pace, connections, warmup, window, tail: Nanos::ZERO, ..expected };
    assert_eq!(load(&capacity.work), expected);
    let request = &overhead.requests[0];
    assert_eq!((request.method.as_str(), request.timeout, &request.body), ("GET", Nanos::from_secs(5), &Body::Empty));
    assert_eq!(request.expect.upstream_hits, LedgerRule::Exact);
    assert_eq!((scenario.facts.seed, scenario.target.deadline), (42, Nanos::from_secs(10)));
    assert!(scenario.warnings.is_empty(), "{:?}", scenario.warnings);
}

#[test]
fn a_stage_overrides_upstream_requests_and_audit() {
    let text =
        GOOD.replace("[request]\npath = \"/a\"", "[request.one]\npath = \"/a\"\nheaders = { a = \"b\" }").replace(
            "[stage.overhead]",
            r#"[request.two]
path = "/b"
weight = 3
template = '{"id":{{seq}}}'
expect = { json = { present = ["/id"] } }
[audit]
errors = "1%"
steal = "7%"
[stage.slow]
kind = "overhead"
upstream = { delay = "5ms" }
audit = { errors = "2%" }
request = ["two"]
[stage.own]
kind = "capacity"
request = { path = "/c", expect = { status = 201 } }
[stage.overhead]"#,
        );
    let scenario = good(&text, &["upstream.builtin.body=7KiB"]);
    let names: Vec<(&str, StageKind)> =
        scenario.stages.iter().map(|stage| (stage.name.as_str(), stage.kind())).collect();
    let (overhead, capacity) = (StageKind::Overhead, StageKind::Capacity);
    assert_eq!(names, [("slow", overhead), ("own", capacity), ("overhead", overhead), ("capacity", capacity)]);
    let slow = &scenario.stages[0];
    let Some(Upstream::Builtin(builtin)) = &slow.upstream else { panic!("{:?}", slow.upstream) };
    assert_eq!((builtin.delay, builtin.body.0), (Nanos::from_millis(5), 7 * 1024));
    assert_eq!((slow.audit.errors, slow.audit.steal), (Ratio(0.02), Ratio(0.07)));
    let sent =
        |index: usize| -> Vec<&str> { scenario.stages[index].requests.iter().map(|r| r.path.as_str()).collect() };
    assert_eq!((sent(0), sent(1), sent(2)), (vec!["/b"], vec!["/c"], vec!["/a", "/b"]));
    assert_eq!(scenario.stages[2].audit.errors, Ratio(0.01));
    assert!(matches!(&slow.requests[0].body, Body::Template(text) if text.contains("{{seq}}")));
}

#[test]
fn the_command_line_overrides_the_file_and_is_checked_like_it() {
    let scenario =
        good(GOOD, &["stage.overhead.rate=500/s", "seed=7", "stage.idle.launches = 6", "request.headers.x=\"1\""]);
    assert_eq!((scenario.facts.seed, scenario.stages.len()), (7, 3));
    assert_eq!(load(&scenario.stages[0].work).pace, Pace::Open { rate: Rate(500.0), arrivals: Arrivals::Jittered });
    assert_eq!(scenario.stages[0].requests[0].headers, [("x".to_owned(), "1".to_owned())]);
    assert_eq!(scenario.facts.overrides.len(), 4);
    for (argument, expected) in [
        ("stage.overhead.rtae=1/s", "--set: stage.overhead.rtae: unknown key (did you mean rate?)"),
        ("stage.overhead.rounds=2", "--set: stage.overhead.rounds: must be at least 6"),
        ("seed", "--set: seed: has no = (write --set KEY=VALUE"),
        ("name.x=1", "--set: name.x: cannot set"),
        ("targets.\"latency/p5\".limit=<1ms", "--set: targets.latency/p5: unknown metric latency/p5"),
    ] {
        let found = mistakes(GOOD, &[argument]);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{argument}: {found:#?}");
    }
}

#[test]
fn quick_shortens_and_never_lengthens() {
    let path = folder().join("sidecar.toml");
    let full = Plan::read(&path, &[], &Options::default()).unwrap();
    let quick = Plan::read(&path, &[], &Options { quick: true, stages: Vec::new() }).unwrap();
    assert!(full.expected_duration() <= Nanos::from_secs(180), "{}", full.expected_duration());
    assert!(quick.expected_duration() <= Nanos::from_secs(20), "{}", quick.expected_duration());
    assert!(quick.scenario.quick && !full.scenario.quick);
    for stage in &quick.stages {
        if let Some(load) = stage.work.planned().rounds() {
            assert!(load.rounds >= 6 && load.ramp <= load.warmup, "{load:?}");
        }
    }
    let short = good(GOOD, &["stage.overhead.warmup=1ms", "stage.overhead.window=2ms", "stage.capacity.rounds=6"]);
    let before = short.stages.clone();
    let plan = Plan::new(&short, &Options { quick: true, stages: Vec::new() }).unwrap();
    assert_eq!(
        load(&plan.stages[0].work),
        LoadWork { instances: 1, rounds: 6, tail: Nanos::ZERO, ..load(&before[0].work) }
    );
    assert_eq!(load(&plan.stages[1].work).rounds, 6);
}

#[test]
fn quick_keeps_enough_requests_at_a_low_rate() {
    let slow = good(GOOD, &["stage.overhead.rate=20/s", "stage.overhead.window=10s"]);
    let plan = Plan::new(&slow, &Options { quick: true, stages: Vec::new() }).unwrap();
    assert_eq!(load(&plan.stages[0].work).window, Nanos::from_millis(2500));
}

fn load(work: &Work) -> LoadWork {
    work.planned().rounds().unwrap_or_else(|| panic!("{work:?}")).clone()
}

#[test]
fn only_the_stages_asked_for_are_planned_with_their_claims() {
    let path = folder().join("sidecar.toml");
    let only = |names: &[&str]| {
        let stages = names.iter().map(|name| (*name).to_owned()).collect();
        Plan::read(&path, &[], &Options { quick: false, stages })
    };
    let plan = only(&["idle", "artifact"]).unwrap();
    let names: Vec<&str> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["artifact", "idle"], "in the order of the scenario");
    let claims: Vec<&str> = plan.claims.iter().map(|claim| claim.metric.as_str()).collect();
    assert_eq!(claims, ["memory/idle_rss"]);
    let message = only(&["idel"]).unwrap_err().to_string();
    assert!(message.contains("has no stage idel") && message.contains("did you mean idle?"), "{message}");
}

#[test]
fn the_author_is_warned_of_numbers_that_would_mean_little() {
    let text = GOOD.replace("expect = { status = 200 }", "body = \"x\"");
    let text =
        format!("{text}[stage.startup]\nlaunches = 3\n[targets]\n\"overhead/percent_p50\" = {{ limit = \"< 10%\" }}\n");
    let warnings = good(&text, &[]).warnings;
    assert_eq!(warnings.len(), 4, "{warnings:#?}");
    for (warning, expected) in warnings.iter().zip([
        "no `expect`, so any 2xx counts",
        "a body without a content-type",
        "3 launches are too few",
        "a percentage needs an upstream delay",
    ]) {
        assert!(warning.contains(expected), "{warning}");
    }
}

#[test]
fn a_variable_without_a_value_is_a_warning_that_says_what_to_export() {
    let text = GOOD.replace("builtin:sidecar", "${HARNESS_TEST_NEVER_SET}");
    let plan = Plan::new(&good(&text, &[]), &Options::default()).unwrap();
    assert_eq!(plan.unset_variables(), ["HARNESS_TEST_NEVER_SET"]);
    assert!(plan.warnings[0].contains("export HARNESS_TEST_NEVER_SET="), "{:?}", plan.warnings);
}

#[test]
fn every_shipped_scenario_reads_fits_its_schema_and_describes_itself_in_80_columns() {
    let schema = scenario::schema().to_string();
    for path in shipped() {
        let plan = Plan::read(&path, &[], &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        assert!(!plan.stages.is_empty());
        assert_eq!(Some(plan.scenario.name.as_str()), path.file_stem().unwrap().to_str());
        let unset = plan.unset_variables();
        let others: Vec<&String> = plan.warnings.iter().filter(|text| !text.contains("is not set")).collect();
        let expected: &[&str] = match plan.scenario.name.as_str() {
            "smoke" => &["stage startup: 3 launches", "stage idle: 1 launches"],
            _ => &[],
        };
        assert!(others.iter().zip(expected).all(|(text, start)| text.starts_with(start)), "{others:?}");
        assert_eq!(others.len(), expected.len(), "{others:?}");
        assert!(unset.iter().all(|name| name.ends_with("_BIN") || name == "DATABASE_URL"), "{unset:?}");
        let value: toml::Value = toml::from_str(&plan.scenario.text).unwrap();
        let value = serde_json::to_value(value).unwrap();
        let faults = harness::report::validate::against(&schema, &value);
        assert!(faults.is_empty(), "{}: {faults:#?}", path.display());
        for line in plan.to_string().lines() {
            let breakable = line.get(10..).is_some_and(|text| text.trim().contains(' '));
            assert!(line.chars().count() <= 80 || !breakable, "{line}");
        }
    }
}

#[test]
fn smoke_takes_less_than_ten_seconds() {
    let plan = Plan::read(&folder().join("smoke.toml"), &[], &Options::default()).unwrap();
    assert!(plan.expected_duration() < Nanos::from_secs(9), "{}", plan.expected_duration());
    let kinds: Vec<StageKind> = plan.stages.iter().map(Stage::kind).collect();
    use StageKind::{Artifact, Capacity, Idle, Overhead, Startup};
    assert_eq!(kinds, [Artifact, Startup, Idle, Overhead, Capacity], "everything that needs no rights of its own");
}

const GATES: &str = r#"
[gate]
consecutive = 3
guard = { latency = "+20%" }
[gate.latency]
alert = { change = "+8%", p = 0.04 }
min_abs = "50us"
[gate."throughput/rps_20vu"]
alert = { change = "-5%" }
block = { change = "-12.5%", p = 0.002 }
"#;

#[test]
fn gates_are_read_checked_and_printed_where_they_differ() {
    let text = format!("{GOOD}{GATES}");
    let scenario = good(&text, &["gate.confirm=false"]);
    let latency = scenario.gates.of("latency/p95", Unit::Millis);
    assert_eq!((latency.alert.change, latency.alert.p, latency.block.change), (0.08, 0.04, 0.25));
    assert_eq!(latency.min_abs, 0.05);
    let rps = scenario.gates.of("throughput/rps_20vu", Unit::PerSecond);
    assert_eq!((rps.alert.change, rps.alert.p, rps.block.change, rps.block.p), (0.05, 0.05, 0.125, 0.002));
    assert_eq!((scenario.gates.consecutive, scenario.gates.guard.latency), (3, 0.20));
    let plan = Plan::new(&scenario, &Options::default()).unwrap().to_string();
    for line in [
        "gate      a block is published without an immediate rerun",
        "gate      stored evidence: an alert needs 3 runs in a row",
        "gate      guard: throughput -10%, latency +20% against the median of 3 to 7 runs",
        "gate      latency: alert +8% with p < 0.04, from 0.05 ms",
        "gate      throughput/rps_20vu: alert -5% with p < 0.05, block -12.5% with p < 0.002",
    ] {
        let shown = plan.replace("\n          ", " ");
        assert!(shown.lines().any(|found| found == line), "{line}\n{plan}");
    }
    let plan = Plan::new(&good(GOOD, &[]), &Options::default()).unwrap().to_string();
    assert!(!plan.contains("gate"), "{plan}");
    let json = serde_json::to_value(toml::from_str::<toml::Value>(&text).unwrap()).unwrap();
    assert_eq!(harness::report::validate::against(&scenario::schema().to_string(), &json), []);
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let schema = scenario::schema().to_string();
    let valid = |text: &str| {
        let json = serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap();
        harness::report::validate::against(&schema, &json).is_empty()
    };
    assert!(valid(GOOD));
    assert!(valid(&GOOD.replace("[request]", "[request.a]")));
    for (written, instead) in [
        ("name = \"x\"", ""),
        ("[stage.overhead]", "[stage.overhead]\nvus = 3"),
        ("[stage.overhead]", "[stage.other]"),
        ("[stage.overhead]", "[stage.overhead]\nrate = 5"),
        ("[stage.overhead]", "[stage.overhead]\nlimits = { cpu = 1 }"),
        ("[target.process]", "[target.container]"),
        ("path = \"/a\"", ""),
        ("status = 200", "statsu = 200"),
        ("vus = 20", "vus = 20\n[gate.latency]\nalert = { chnge = \"+5%\" }"),
        ("vus = 20", "vus = 20\n[gate.latency]\nalert = { p = 0.05 }"),
        ("vus = 20", "vus = 20\n[gate]\nconfirm = 3"),
    ] {
        let text = GOOD.replacen(written, instead, 1);
        assert!(!mistakes(&text, &[]).is_empty() && !valid(&text), "{instead}");
    }
}

#[test]
fn a_file_that_is_not_there_says_so() {
    let message = Scenario::read(Path::new("scenarios/none.toml"), &[]).unwrap_err().to_string();
    assert!(message.starts_with("cannot read scenarios/none.toml: No such file"), "{message}");
}

/// Pieces of scenarios in any order: nearly right is where readers panic.
fn scrambled() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        prop::sample::select(GOOD.lines().collect::<Vec<_>>()).prop_map(str::to_owned),
        prop::sample::select(MISTAKES.iter().map(|(_, text, _)| *text).collect::<Vec<_>>()).prop_map(str::to_owned),
        "\\[(upstream|target|stage|request|targets|audit)(\\.[a-z*]{1,8}){0,2}\\]",
        "(kind|rate|window|path|body|template|url|command|proxy|limit|files) = (1|-1|1\\.5|true|\\[\\]|\\{\\}|\"[ -!#-\\[\\]-~éµ{}$]{0,12}\")",
        "\\PC{0,30}",
    ];
    prop::collection::vec(line, 0..25).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_never_panics_and_reports_every_line_within_the_text(text in scrambled(), key in "[a-z.\"]{0,20}", value in "\\PC{0,10}") {
        let lines = text.lines().count().max(1) + 1;
        if let Err(scenario::Error::Mistakes { mistakes, .. }) = parse(&text, &[&format!("{key}={value}")]) {
            prop_assert!(!mistakes.is_empty());
            prop_assert!(mistakes.iter().all(|mistake| mistake.line.is_none_or(|line| (1..=lines).contains(&line))));
        }
    }
}
