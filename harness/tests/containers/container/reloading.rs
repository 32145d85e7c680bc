//! Reloads of a container: by a signal that the engine sends, and of a file that is rewritten in the folder that the container sees.

use super::{an_engine_for, nothing_is_left, on_bridge, on_host};
use crate::support::{Scratch, run};

/// Returns a sidecar whose version is a number in a file, which is rewritten with another one before each signal.
fn scenario(of: fn(&[&str], &str) -> String, folder: &Scratch, takes: &str) -> String {
    let write = |name: &str, number: u64| {
        let path = folder.0.join(name);
        std::fs::write(&path, format!("{number}\n")).unwrap();
        format!("{name:?} = {:?}\n", path.display().to_string())
    };
    let files = format!("[target.files]\n{}{}\n[target.endpoints]", write("version", 7), write("other", 9));
    let stage = "[stage.reload]\ninstances = 1\nreloads = 3\nconnections = 2\nrate = \"1000/s\"\nevery = \"600ms\"\n\
        trigger = { signal = \"HUP\", rewrite = \"version\", from = \"other\" }\nobserve = { header = \"x-version\" }\n";
    let flags = ["--reload-takes", takes, "--reload-file", "{file.version}"];
    of(&flags, stage).replace("[target.endpoints]", &files)
}

#[test]
fn a_container_is_reloaded_by_the_engine_and_sees_its_rewritten_file() {
    let Some(_others) = an_engine_for("reload") else { return };
    for of in [on_host as fn(&[&str], &str) -> String, on_bridge] {
        let ran = run(&scenario(of, &Scratch::new(), "60ms"));
        ran.expect_code(0);
        assert!(ran.truths.iter().all(|truth| truth["reloads"] == 3), "{:?}", ran.truths);
        assert_eq!(ran.metric("errors/reload_percent"), Some(0.0), "{}", ran.stdout);
        // The engine needs its own time for the signal. Less than what was set is impossible, and a file that does not change is never seen.
        let (first, last) = (ran.value("reload/first"), ran.value("policy/reload_time"));
        assert!((60.0..600.0).contains(&first) && first <= last, "{first} {last}");
        nothing_is_left(&ran);
    }
}
