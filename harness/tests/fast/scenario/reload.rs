//! Stage `reload`.

use super::*;
use harness::stages::reload::work::{Act, Place, Rewrite, Signal};
use harness_load::spec::Watch;

fn with(stage: &str) -> String {
    format!("{GOOD}[stage.reload]\n{stage}\n")
}

fn work(stage: &str) -> harness::stages::reload::work::Work {
    let found = good(&with(stage), &[]);
    match found.stages.into_iter().find(|stage| stage.name == "reload").unwrap().work {
        Work::Reload(work) => work,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reload_has_a_trigger_and_an_observation() {
    let found = work("trigger = { signal = \"HUP\" }\nobserve = { header = \"x-version\" }");
    assert_eq!(found.watch, Watch::Header("x-version".to_owned()));
    assert_eq!((found.trigger.act, found.trigger.rewrite), (Some(Act::Signal(Signal::Hup)), None));
    assert_eq!((found.load.instances, found.reloads, found.load.window), (5, 4, Nanos::from_millis(2300)));
    let found = work("trigger = { path = \"/reload\", endpoint = \"ready\" }\nobserve = { json = \"/version\" }");
    let Some(Act::Request { call, path, place }) = found.trigger.act else { panic!("{:?}", found.trigger) };
    assert_eq!((call.method.as_str(), path.as_str(), place), ("POST", "/reload", Place::Ready));
    let plan = Plan::new(
        &good(&with("trigger = { signal = \"USR2\" }\nobserve = { header = \"x\" }"), &[]),
        &Options { quick: true, ..Options::default() },
    );
    let plan = plan.unwrap();
    assert!(plan.stages[2].requests[0].expect.watch.is_some());
    assert!(plan.to_string().contains("2 reloads of each of 2 instances by SIGUSR2"), "{plan}");
}

#[test]
fn a_file_is_rewritten_from_another_one() {
    let files = "[target.files]\n\"a.conf\" = \"conf/haproxy.cfg\"\n\"b.conf\" = \"conf/haproxy.cfg\"\n[request]";
    let both = |trigger: &str| {
        with(&format!("trigger = {{ {trigger} }}\nobserve = {{ header = \"x\" }}")).replace("[request]", files)
    };
    let found = good(&both("rewrite = \"a.conf\", from = \"b.conf\""), &[]);
    let Work::Reload(work) = &found.stages[2].work else { panic!("{:?}", found.stages[2]) };
    let rewrite = Rewrite { file: "a.conf".to_owned(), from: "b.conf".to_owned() };
    assert_eq!((work.trigger.rewrite.clone(), work.trigger.act.clone()), (Some(rewrite), None), "it watches its file");
    good(&both("rewrite = \"a.conf\", from = \"b.conf\", signal = \"HUP\""), &[]);
    let wrong = |trigger: &str| mistakes(&both(trigger), &[]).join("\n");
    assert!(wrong("rewrite = \"a.conf\", signal = \"HUP\"").contains("rewrite needs from"));
    assert!(wrong("rewrite = \"a.conf\", from = \"c.conf\"").contains("\"c.conf\" is not in [target.files]"));
    assert!(wrong("rewrite = \"a.conf\", from = \"b.conf\", signal = \"HUP\", path = \"/r\"").contains("only one of"));
}

#[test]
fn mistakes_of_a_reload_are_reported() {
    let one = |stage: &str| mistakes(&with(stage), &[]).join("\n");
    for (stage, message) in [
        ("observe = { header = \"x\" }", "stage.reload.trigger: needs one of signal, path"),
        ("trigger = { signal = \"HUP\" }", "stage.reload.observe: needs one of header, json"),
        ("trigger = { signal = \"KILL\" }\nobserve = { header = \"x\" }", "must be one of HUP, USR1, USR2"),
        ("trigger = { path = \"/r\" }\nobserve = { header = \"x\" }", "[target.endpoints] has no health"),
        ("trigger = { signal = \"HUP\" }\nobserve = { json = \"version\" }", "is not a JSON pointer"),
        ("trigger = { signal = \"HUP\" }\nobserve = { header = \"a b\" }", "is not a header name"),
        ("trigger = { signal = \"HUP\" }\nobserve = { header = \"x\" }\nreloads = 0", "must be at least 1"),
    ] {
        let found = one(stage);
        assert!(found.contains(message), "{stage}: {found}");
    }
}

#[test]
fn a_container_is_reloaded_like_a_process_and_a_target_that_runs_already_by_a_request_only() {
    let stage = "trigger = { signal = \"HUP\" }\nobserve = { header = \"x-version\" }\ninstances = 1";
    let container = with(stage).replace(
        "[target.process]\ncommand = [\"builtin:sidecar\", ",
        "[target.container]\nimage = \"x\"\ncommand = [",
    );
    good(&container, &[]);
    let (from, until) = (GOOD.find("[target.process]").unwrap(), GOOD.find("[target.endpoints]").unwrap());
    let running = GOOD.replace(&GOOD[from..until], "[target.external]\npid = 1\n");
    let found = mistakes(&format!("{running}[stage.reload]\n{stage}\n"), &[]).join("\n");
    assert!(found.contains("only a target that harness starts can be signalled"), "{found}");
}
