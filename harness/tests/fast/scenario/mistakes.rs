//! Mistakes of authors, all of them in one run of the reader.

use super::*;

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

/// A text of [`GOOD`], the text that replaces it, and the beginning of the only mistake.
pub(super) const MISTAKES: &[(&str, &str, &str)] = &[
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
    (
        "[target.process]",
        "[target.container]\nimage = \"a\"\ncapabilities = [\"KILL\", \"NET_BIND_SERVICES\"]",
        "line 6: target.container.capabilities.1: \"NET_BIND_SERVICES\" is not a capability (did you mean NET_BIND_SERVICE?)",
    ),
    (
        "[target.process]",
        "[target.container]\nimage = \"a\"\ncapabilities = [\"ALL\"]",
        "line 6: target.container.capabilities.0: \"ALL\" is not a capability (name each one",
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
        "line 7: target.endpoints.proxy: \"ftp://127.0.0.1:9\" must start with http://, https:// or unix://",
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
