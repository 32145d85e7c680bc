//! Whether this host lets perf sample.

#![allow(dead_code, reason = "not every test binary profiles")]

use std::process::Command;

use super::Scratch;

/// Returns whether perf can sample here. If not, prints that the test is skipped.
pub fn perf_works(test: &str) -> bool {
    let scratch = Scratch::new();
    let data = scratch.0.join("data");
    let output =
        Command::new("perf").arg("record").arg("-o").arg(&data).args(["-e", "cpu-clock", "--", "true"]).output();
    let works = output.as_ref().is_ok_and(|output| output.status.success());
    if !works {
        let why = output
            .map_or_else(|error| error.to_string(), |output| String::from_utf8_lossy(&output.stderr).into_owned());
        eprintln!("SKIPPED {test}: perf cannot sample here: {why}; try: scripts/install-tools, then as root");
    }
    works
}
