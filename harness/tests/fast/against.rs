//! Plans scenarios with `[compare]` and `--against`.

use std::path::Path;

use harness::measure::trial::Build;
use harness::plan::{Options, Plan};
use harness::scenario::{self, Scenario, Setting};
use harness_rig::target::spec::{ImageSpec, Launch};

const TARGET: &str = r#"
name = "x"
[upstream.builtin]
[target.process]
command = ["./head", "--listen", "127.0.0.1:{port.proxy}"]
env = { LOG = "error", MODE = "a" }
[target.endpoints]
proxy = "http://127.0.0.1:{port.proxy}"
[request]
path = "/"
expect = { status = 200 }
[stage.startup]
launches = 10
[stage.overhead]
rounds = 10
[stage.limits]
"#;

fn parse(text: &str, overrides: &[&str]) -> Result<Scenario, scenario::Error> {
    let settings: Vec<Setting> = overrides.iter().map(|text| Setting::new(*text)).collect();
    Scenario::parse(text, Path::new("x.toml"), "/".into(), &settings)
}

fn mistakes(text: &str, overrides: &[&str]) -> Vec<String> {
    match parse(text, overrides) {
        Err(scenario::Error::Mistakes { mistakes, .. }) => mistakes.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
        Ok(_) => Vec::new(),
    }
}

fn plan(text: &str, overrides: &[&str], quick: bool) -> Plan {
    let scenario = parse(text, overrides).unwrap_or_else(|error| panic!("{error}"));
    Plan::new(&scenario, &Options { quick, stages: Vec::new() }).unwrap()
}

/// Command and environment of the base.
fn base(text: &str, overrides: &[&str]) -> (Vec<String>, Vec<(String, String)>) {
    match &plan(text, overrides, false).target_of(Build::Base).launch {
        Launch::Process(process) => (process.command.clone(), process.env.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_base_is_the_target_with_another_program_or_command_or_environment() {
    let arguments = ["--listen", "127.0.0.1:{port.proxy}"];
    let (command, env) = base(&format!("{TARGET}[compare]\nagainst = \"old/head\"\n"), &[]);
    assert_eq!((command[0].as_str(), &command[1..]), ("old/head", &arguments.map(str::to_owned)[..]));
    assert_eq!(env.len(), 2);
    let other = "[compare]\ncommand = [\"./x\", \"{port.proxy}\"]\nenv = { MODE = \"b\" }\n";
    let (command, mut env) = base(&format!("{TARGET}{other}"), &[]);
    env.sort();
    assert_eq!(command, ["./x", "{port.proxy}"]);
    assert_eq!(env, [("LOG", "error"), ("MODE", "b")].map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(plan(&format!("{TARGET}[compare]\ninstances = 3\n"), &[], false).base.is_none(), "nothing names a base");
}

#[test]
fn a_typed_path_wins_and_starts_where_it_is_typed() {
    let here = std::env::current_dir().unwrap();
    let from_here = |path: &str| here.join(path).to_string_lossy().into_owned();
    let written = format!("{TARGET}[compare]\ncommand = [\"./x\", \"{{port.proxy}}\"]\n");
    assert_eq!(base(&written, &["compare.against=\"./old\""]).0[0], from_here("old"));
    assert_eq!(
        base(&written, &["compare.against=\"./old\""]).0.len(),
        3,
        "the target's arguments, not those of [compare]"
    );
    let written = format!("{TARGET}[compare]\nagainst = \"b\"\n");
    assert_eq!(base(&written, &["compare.against=/opt/old"]).0[0], "/opt/old");
    assert_eq!(base(&written, &["compare.against=builtin:sidecar"]).0[0], "builtin:sidecar");
    assert_eq!(base(&written, &["compare.against=no-such-file"]).0[0], "no-such-file", "looked for in PATH");
    assert_eq!(base(&written, &["compare.against=Cargo.toml"]).0[0], from_here("Cargo.toml"), "a file that is here");
    assert_eq!(
        base(&written, &["compare.against=a{b}/c"]).0[0],
        from_here("a{{b}}/c"),
        "its braces are not a placeholder"
    );
}

#[test]
fn a_container_is_compared_with_one_of_its_kind() {
    let container = |made_of: &str| {
        TARGET
            .replace("[target.process]", &format!("[target.container]\n{made_of}"))
            .replace("command = [\"./head\", ", "command = [")
    };
    let base = |made_of: &str, against: &str| match &plan(&container(made_of), &[against], false)
        .target_of(Build::Base)
        .launch
    {
        Launch::Container(container) => container.image.clone(),
        other => panic!("{other:?}"),
    };
    let image = base("image = \"a/b:2\"", "compare.against=a/b:1");
    assert_eq!(image, ImageSpec::Image("a/b:1".to_owned()), "a name and never a path");
    assert_eq!(base("binary = \"./b\"", "compare.against=/old"), ImageSpec::Binary("/old".to_owned()));
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = format!(
        "{TARGET}[compare]\nagainst = \"builtin:nothing\"\ncommand = [\"./x\"]\nenv = {{ \"A=B\" = \"1\" }}\ninstances = 1\nbuild = 7\n"
    );
    let found = mistakes(&text, &[]);
    let expected = [
        "compare.against: \"builtin:nothing\" is not bundled",
        "compare.command: only one of against and command",
        "compare.env.A=B: \"A=B\" cannot name a variable",
        "compare.instances: must be at least 2, is 1",
        "compare.build: unknown key",
    ];
    for message in expected {
        assert!(found.iter().any(|mistake| mistake.contains(message)), "{message:?} is not in {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn files_that_cannot_be_compared_are_refused_with_a_hint() {
    let refused = |text: &str, message: &str, hint: &str| {
        let found = mistakes(text, &[]);
        assert!(found.len() == 1 && found[0].contains(message) && found[0].contains(hint), "{found:#?}");
    };
    let compare = "[compare]\nagainst = \"./old\"\n";
    let untold = "[compare]\ncommand = [\"./old\"]\n";
    refused(
        &format!("{TARGET}{untold}"),
        "compare.command: {port.proxy} is not passed to the base",
        "pass {port.proxy}",
    );
    refused(
        &format!("{TARGET}{compare}instances = 11\n"),
        "compare.instances: 11 instances",
        "the 10 rounds of stage overhead",
    );
    let fixed = TARGET.replace("{port.proxy}", "8080");
    refused(&format!("{fixed}{compare}"), "has the same port for both", "{port.NAME}");
    let alone = fixed.split("[stage.overhead]").next().unwrap();
    assert_eq!(mistakes(&format!("{alone}{compare}"), &[]), [] as [&str; 0], "one launch at a time may use one port");
    let (external, stage) = (TARGET.split("[target.process]").next().unwrap(), "[stage.overhead]\n");
    let external = format!(
        "{external}[target.external]\nport = 80\n[target.endpoints]\nproxy = \"http://127.0.0.1:80\"\n[request]\npath = \"/\"\n{stage}"
    );
    refused(&format!("{external}{compare}"), "compare.against: an external target runs already", "[target.process]");
}

#[test]
fn a_plan_of_two_builds_has_two_instances_of_each_and_takes_twice_as_long() {
    let load = |plan: &Plan| plan.stages[1].work.planned().rounds().unwrap().clone();
    let against = ["compare.against=./old"];
    let (alone, both, quick) = (plan(TARGET, &[], false), plan(TARGET, &against, false), plan(TARGET, &against, true));
    assert_eq!((load(&alone).instances, load(&both).instances, load(&quick).instances), (1, 2, 2));
    let more = plan(&format!("{TARGET}[compare]\ninstances = 5\n"), &against, false);
    assert_eq!(load(&more).instances, 5);
    let compared: Vec<bool> = both.stages.iter().map(|stage| stage.compared).collect();
    assert_eq!(compared, [true, true, false], "the curve of limits is the head's");
    assert_eq!(both.stages[0].expected_duration(), alone.stages[0].expected_duration().times(2));
    assert!(
        both.stages[1].expected_duration() > alone.stages[1].expected_duration().times(2),
        "and warms up once more"
    );
    assert_eq!(both.stages[2].expected_duration(), alone.stages[2].expected_duration());
    let text = both.to_string();
    assert!(
        text.contains("against") && text.contains("/old --listen") && text.contains("each build in turn"),
        "{text}"
    );
    let unset = plan(TARGET, &["compare.against=${HARNESS_NO_SUCH_BUILD}/x"], false);
    assert!(
        unset.warnings.iter().any(|message| message.contains("HARNESS_NO_SUCH_BUILD is not set")),
        "{:?}",
        unset.warnings
    );
}
