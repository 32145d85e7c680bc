//! Reads scenarios, refuses mistakes with messages, and plans them.

mod approval;
mod command;
mod connections;
mod constrained;
mod echo;
mod expect;
mod fleet;
mod gates;
mod import;
mod limits;
mod matrix;
mod mcp;
mod mistakes;
mod network;
pub(crate) mod pod;
mod quick;
mod reload;
mod scrape;
mod search;
mod sessions;
mod shipped;
mod soak;
mod sockets;
mod stdio;
mod streaming;
mod targets;
mod tls;
mod upload;
mod wire;

use std::path::{Path, PathBuf};

use harness::measure::LedgerRule;
use harness::measure::metric::Unit;
use harness::measure::record::StageKind;
use harness::plan::{Options, Plan};
use harness::scenario::{self, Scenario, Setting};
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

fn parse(text: &str, overrides: &[&str]) -> Result<Scenario, scenario::Error> {
    let settings: Vec<Setting> = overrides.iter().map(|text| Setting::new(*text)).collect();
    Scenario::parse(text, Path::new("scenarios/x.toml"), folder(), &settings)
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
fn keys_that_are_left_out_have_the_documented_defaults() {
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
        per_connection: None,
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
        prop::sample::select(mistakes::MISTAKES.iter().map(|(_, text, _)| *text).collect::<Vec<_>>())
            .prop_map(str::to_owned),
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
