//! How a scenario describes a command.

use harness_base::units::Bytes;
use harness_rig::target::spec::{CommandSpec, Content, Input};

use super::*;

const COMMAND: &str = r#"
name = "pack"
[target.command]
run = ["tar", "-cf", "app.tar", "{file.app}", "${LEVEL:-6}"]
prepare = ["rm", "-rf", "out"]
[target.command.inputs]
app = { size = "64KiB", count = 3, content = "text" }
[stage.command]
runs = 12
"#;

fn command(launch: &Launch) -> &CommandSpec {
    match launch {
        Launch::Command(command) => command,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_command_has_inputs_and_no_endpoints() {
    let found = good(COMMAND, &["stage.command.cache=cold", "stage.command.exit_codes=[0, 3]"]);
    let spec = command(&found.target.launch);
    assert_eq!((spec.run.command.len(), spec.prepare.len(), spec.cleanup.len()), (5, 3, 0));
    let input = Input { size: Bytes(65_536), files: Some(3), content: Content::Text };
    assert_eq!(spec.inputs, [("app".to_owned(), input)]);
    let Work::Command(work) = &found.stages[0].work else { panic!("{:?}", found.stages) };
    assert!((work.runs, work.warmup_runs, work.cold, work.logs) == (12, 3, true, true), "{work:?}");
    assert_eq!(work.exit_codes, [0, 3]);
    let compared = good(COMMAND, &["compare.command=[\"gzip\", \"{file.app}\"]", "compare.env.A=\"1\""]);
    let base = compared.compare.base.unwrap();
    assert_eq!(command(&base.launch).run.command, ["gzip", "{file.app}"]);
    assert_eq!(command(&base.launch).run.env, [("A".to_owned(), "1".to_owned())]);
    let plan = Plan::new(&good(COMMAND, &[]), &Options { quick: true, ..Options::default() }).unwrap();
    let text = plan.to_string();
    for words in ["6 runs after 1 warm-up runs, page cache warm", "{file.app}: 3 files of 64KiB of text", "prepare rm"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("upstream") && !text.contains("ready within"), "{text}");
}

#[test]
fn mistakes_of_commands_are_named() {
    let stage = "[stage.command]\n";
    for (from, to, message) in [
        ("{file.app}", "{file.ap}", "{file.ap} is not in [target.files] (did you mean {file.app}?)"),
        ("{file.app}", "{port.app}", "{port.app} has no value in a command"),
        ("{file.app}", "{upstream.url}", "has no meaning: the scenario has no [upstream]"),
        (
            "run = [\"tar\"",
            "run = [\"builtin:tar\"",
            "is not bundled; there are builtin:sidecar, builtin:upstream, builtin:command",
        ),
        ("run = ", "command = ", "run: is missing"),
        (stage, "[stage.startup]\n[stage.command]\n", "needs a server, and [target.command] runs to its end"),
        (stage, "[upstream.builtin]\n[stage.command]\n", "the scenario can have no [upstream]"),
        (
            stage,
            "[target.endpoints]\nproxy = \"http://127.0.0.1:1\"\n[stage.command]\n",
            "a command answers no requests",
        ),
        (stage, "[stage.command]\ncache = \"hot\"\n", "must be one of warm, cold, is \"hot\""),
        (stage, "[stage.command]\nexit_codes = [256]\n", "256 is not an exit code"),
        (stage, "[stage.command]\ntime_limit = \"0s\"\n", "must be longer than 0"),
        ("count = 3", "count = 0", "must be 1 to 9999, is 0"),
        ("size = \"64KiB\"", "size = \"64GiB\"", "must be at most"),
        ("app = {", "\"../app\" = {", "must be a plain file name"),
    ] {
        let found = mistakes(&COMMAND.replacen(from, to, 1), &[]);
        assert!(found.iter().any(|mistake| mistake.contains(message)), "{message}: {found:#?}");
    }
    let found = mistakes(&format!("{GOOD}\n[stage.command]\n"), &[]);
    assert!(
        found.iter().any(|mistake| mistake.contains("measures a command, and the target is a server")),
        "{found:#?}"
    );
}
