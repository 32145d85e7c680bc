//! Stage `reload` against the reference sidecar, whose reloads take as long as its flags say, and against nginx and HAProxy.

use std::path::Path;

use crate::alone;
use crate::support::{Ran, Scratch, measured, settled, sidecar};
use harness::measure::{Arm, InstanceFacts};
use rand::Rng as _;

/// Returns the stage with a signal as the trigger.
pub fn stage(keys: &str) -> String {
    format!(
        "[stage.reload]\nbefore = \"200ms\"\nevery = \"300ms\"\ntrigger = {{ signal = \"HUP\" }}\nobserve = {{ header = \"x-version\" }}\n{keys}\n"
    )
}

/// The same with a request to the admin port as the trigger, and a field of the answers.
fn requested(keys: &str) -> String {
    let by_signal = stage(keys);
    let by_request = by_signal.replace("{ signal = \"HUP\" }", "{ path = \"/reload\", endpoint = \"health\" }");
    by_request.replace("{ header = \"x-version\" }", "{ json = \"/version\" }")
}

fn reloaded(scenario: &str) -> Ran {
    let ran = measured(scenario);
    ran.expect_code(0);
    ran
}

#[test]
fn a_reload_takes_as_long_as_was_drawn() {
    let _alone = alone();
    let takes_ms: u64 = rand::rng().random_range(40..=120);
    let flags = ["--reload-takes", &format!("{takes_ms}ms")];
    // Two connections, each asked every millisecond.
    let scenario = sidecar(&flags, &stage("instances = 1\nreloads = 4\nconnections = 2\nrate = \"2000/s\""));
    let bound = (takes_ms as f64 * 0.05).max(2.0);
    settled("ms that a reload was found late", -0.1..=bound, || {
        let ran = reloaded(&scenario);
        // An instance that the host disturbed is reloaded too, and does not count.
        assert!(ran.truths.iter().all(|truth| truth["reloads"] == 4), "{:?}", ran.truths);
        assert_eq!(ran.metric("errors/reload_percent"), Some(0.0), "{}", ran.stdout);
        let (first, last) = (ran.value("reload/first"), ran.value("policy/reload_time"));
        assert!(first <= last, "{first} {last}");
        assert!(ran.shows("times are known to"), "{}", ran.stdout);
        last - takes_ms as f64
    });
}

#[test]
fn the_last_connection_and_what_is_dropped_are_found() {
    let _alone = alone();
    let flags = ["--reload-takes", "40ms", "--reload-spread", "80ms", "--reload-drops", "3"];
    let scenario = sidecar(&flags, &stage("instances = 1\nreloads = 3\nconnections = 10\nrate = \"4000/s\""));
    settled("ms between the first and the last connection", 76.0..=86.0, || {
        let ran = reloaded(&scenario);
        let stage = ran.stage("reload");
        let outcomes = stage.valid_rounds().next().unwrap().trial(Arm::Proxied).unwrap().load.outcomes;
        // A busy machine leaves requests unsent, and nothing else fails.
        assert_eq!((outcomes.wrong_status, outcomes.errors()), (9, 9), "three in each of three reloads: {outcomes:?}");
        assert!(ran.shows("9 wrong status"), "{}", ran.stdout);
        ran.value("policy/reload_time") - ran.value("reload/first")
    });
}

#[test]
fn a_request_reloads_and_a_field_of_the_answers_shows_it() {
    let _alone = alone();
    let takes_ms: u64 = rand::rng().random_range(40..=120);
    let takes = format!("{takes_ms}ms");
    let flags = ["--reload-takes", &takes, "--reload-in-body", "--reload-closes", "1"];
    let scenario = sidecar(&flags, &requested("instances = 1\nreloads = 4\nconnections = 2\nrate = \"2000/s\""));
    let bound = (takes_ms as f64 * 0.05).max(2.0);
    settled("ms that a reload by request was found late", -0.1..=bound, || {
        let ran = reloaded(&scenario);
        assert!(ran.truths.iter().all(|truth| truth["reloads"] == 4), "{:?}", ran.truths);
        let stage = ran.stage("reload");
        let load = &stage.valid_rounds().next().unwrap().trial(Arm::Proxied).unwrap().load;
        // Each reload closes the connection of one request.
        let outcomes = load.outcomes;
        assert_eq!((outcomes.reset, outcomes.errors(), load.reconnects), (4, 4, 4), "{outcomes:?}");
        assert!(ran.shows("the target closed 4 connections, which were opened again"), "{}", ran.stdout);
        ran.value("policy/reload_time") - takes_ms as f64
    });
}

/// Returns why a metric of a run is absent.
fn absence(ran: &Ran, id: &str) -> String {
    let metrics = ran.judgement()["metrics"].as_array().unwrap();
    let found = metrics.iter().find(|metric| metric["id"] == id).unwrap_or_else(|| panic!("no {id}: {metrics:#?}"));
    found["value"]["absent"]["reason"].as_str().unwrap_or_else(|| panic!("{found:#?}")).to_owned()
}

#[test]
fn a_version_that_is_named_before_it_is_served_does_not_end_a_reload() {
    let _alone = alone();
    let takes_ms: u64 = rand::rng().random_range(60..=120);
    let flags = ["--reload-takes", &format!("{takes_ms}ms"), "--reload-early", "3"];
    let scenario = sidecar(&flags, &stage("instances = 1\nreloads = 2\nconnections = 2\nrate = \"2000/s\""));
    settled("ms that a reload with early answers was found late", -0.1..=(takes_ms as f64 * 0.05).max(2.0), || {
        let ran = reloaded(&scenario);
        assert!(ran.value("reload/first") < 20.0, "the first answer with it counts as such\n{}", ran.stdout);
        assert!(ran.shows("times, a connection saw the old value again after a new one"), "{}", ran.stdout);
        ran.value("policy/reload_time") - takes_ms as f64
    });
}

#[test]
fn a_reload_that_is_only_claimed_or_too_slow_to_be_seen_has_no_time() {
    let _alone = alone();
    let keys = "instances = 1\nreloads = 2\nconnections = 2";
    let claimed =
        reloaded(&sidecar(&["--reload-takes", "0ms", "--reload-in-body", "--reload-ignored"], &requested(keys)));
    assert!(claimed.truths.iter().all(|truth| truth["reloads"] == 0), "{:?}", claimed.truths);
    let slow = reloaded(&sidecar(&["--reload-takes", "5s"], &stage(keys)));
    for ran in [claimed, slow] {
        for id in ["policy/reload_time", "reload/first"] {
            assert!(absence(&ran, id).starts_with("2 of 2 reloads were not seen"), "{}", absence(&ran, id));
        }
    }
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_value_that_changes_by_itself_tells_no_reloads_apart() {
    let _alone = alone();
    // The answers carry the instant at which the upstream received the request.
    let stage = stage("instances = 1\nreloads = 2\nconnections = 2").replace("x-version", "x-upstream-received-ns");
    let ran = reloaded(&sidecar(&["--reload-takes", "20ms"], &stage));
    for id in ["policy/reload_time", "reload/first"] {
        assert!(absence(&ran, id).contains("times without a reload: observe another one"), "{}", absence(&ran, id));
    }
}

/// Returns a scenario of a program that is installed. Its shipped configuration is there twice, and each `text` of it has another version
/// behind it. `None` if the program is missing.
fn installed(
    folder: &Scratch,
    program: &str,
    file: &str,
    text: &str,
    lines: [&str; 2],
    command: &str,
) -> Option<String> {
    if !Path::new(program).exists() {
        eprintln!("SKIPPED: {program} is not installed");
        return None;
    }
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/conf").join(file);
    let conf = std::fs::read_to_string(shipped).unwrap();
    assert!(conf.contains(text), "{file} has no {text:?}");
    let mut files = "[target.files]\n".to_owned();
    for (name, line) in [file, "other"].into_iter().zip(lines) {
        let path = folder.0.join(name);
        std::fs::write(&path, conf.replace(text, &format!("{text}\n    {line}"))).unwrap();
        files.push_str(&format!("{name:?} = {:?}\n", path.display().to_string()));
    }
    let plain = sidecar(&[], &stage("instances = 1\nreloads = 2").replace("every = \"300ms\"", "every = \"600ms\""));
    let (from, until) = (plain.find("command = [").unwrap(), plain.find("[target.endpoints]").unwrap());
    Some(format!("{}{command}\n\n{files}\n{}", &plain[..from], &plain[until..]))
}

/// Checks that every reload of a real proxy was seen by all connections. An instance that the host disturbed is started again, and counts
/// neither here nor in the values.
fn is_seen(ran: &Ran) {
    ran.expect_code(0);
    let (first, last) = (ran.value("reload/first"), ran.value("policy/reload_time"));
    eprintln!("first {first} ms, last {last} ms\n{}", ran.stdout);
    assert!(first > 0.0 && first <= last && last < 600.0, "{first} {last}");
    let stage = ran.stage("reload");
    let valid: Vec<_> = stage.instances.iter().filter(|instance| instance.valid_rounds().next().is_some()).collect();
    let InstanceFacts::Reload(facts) = &valid[0].facts else { panic!("{valid:?}") };
    assert_eq!((valid.len(), facts.reloads.len()), (1, 2));
}

#[test]
fn nginx_reads_a_rewritten_configuration_at_a_hangup() {
    let _alone = alone();
    let folder = Scratch::new();
    let command = "command = [\"/usr/sbin/nginx\", \"-p\", \".\", \"-e\", \"stderr\", \"-c\", \"{file.nginx.conf}\"]";
    let lines = ["add_header x-version 1;", "add_header x-version 2;"];
    let found = installed(&folder, "/usr/sbin/nginx", "nginx.conf", "proxy_pass http://behind;", lines, command);
    let Some(scenario) = found else { return };
    let rewrite = "signal = \"HUP\", rewrite = \"nginx.conf\", from = \"other\"";
    is_seen(&measured(&scenario.replace("signal = \"HUP\"", rewrite)));
}

#[test]
fn haproxy_exchanges_its_worker_at_usr2() {
    let _alone = alone();
    let folder = Scratch::new();
    let command = "command = [\"/usr/sbin/haproxy\", \"-W\", \"-db\", \"-f\", \"{file.haproxy.cfg}\"]";
    // The process of the worker is another one after each reload.
    let lines = ["http-response set-header x-version %pid"; 2];
    let found = installed(&folder, "/usr/sbin/haproxy", "haproxy.cfg", "default_backend behind", lines, command);
    let Some(scenario) = found else { return };
    is_seen(&measured(&scenario.replace("signal = \"HUP\"", "signal = \"USR2\"")));
}
