//! Foreign hosts for a target in a container: by their names, and through the proxy.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::{an_engine_for, nothing_is_left, on_bridge, on_host};
use crate::docker::docker;
use crate::support::{Scratch, newest, ran, run, run_command};

const APPROVE_AFTER_MS: f64 = 40.0;

/// Returns the reference sidecar with its approvals at slack.com, and this environment of the container.
fn scenario(of: fn(&[&str], &str) -> String, direct: bool, env: &str) -> String {
    let stages = format!(
        "[egress.slack]\nbuiltin = \"slack\"\napprove_after = \"{APPROVE_AFTER_MS}ms\"\ndirect = {direct}\n\
         [stage.approval]\nlaunches = 1\ncount = 3\nrate = \"20/s\"\n"
    );
    let flags = ["--approve-via", "https://slack.com", "--approve-delay", "30ms"];
    let env = format!("[target.container.env]\nSSL_CERT_FILE = \"{{egress.ca}}\"\n{env}\n[target.endpoints]");
    of(&flags, &stages).replace("[target.endpoints]", &env)
}

fn approved(of: fn(&[&str], &str) -> String, direct: bool, env: &str) {
    let ran = run(&scenario(of, direct, env));
    ran.expect_code(0);
    assert_eq!(ran.value("errors/approval_percent"), 0.0);
    let (overhead, total) = (ran.value("approval/overhead"), ran.value("approval/total"));
    // The machine may be busy; less than what was set is impossible.
    assert!(overhead >= 30.0 && total >= overhead + APPROVE_AFTER_MS, "{overhead} ms of {total} ms");
    nothing_is_left(&ran);
}

/// Returns whether this process may listen on the port of HTTPS, as the foreign hosts must.
fn can_listen_on_443(test: &str) -> bool {
    match std::net::TcpListener::bind("127.0.0.1:443") {
        Ok(_) => true,
        Err(error) => {
            let required = std::env::var("HARNESS_REQUIRE_DOCKER").is_ok_and(|value| value == "1");
            assert!(!required, "{test}: cannot listen on port 443: {error}");
            eprintln!("SKIPPED {test}: cannot listen on port 443: {error}; run it as root");
            false
        }
    }
}

#[test]
fn a_container_finds_a_foreign_host_by_its_name() {
    let Some(_others) = an_engine_for("foreign host by name") else { return };
    if can_listen_on_443("foreign host by name") {
        approved(on_bridge, true, "");
        approved(on_host, true, "");
    }
}

#[test]
fn a_container_reaches_a_foreign_host_through_the_proxy() {
    let Some(_others) = an_engine_for("foreign host through the proxy") else { return };
    approved(on_bridge, false, "HTTPS_PROXY = \"{egress.proxy}\"\n");
}

/// Returns whether the network of the run below `out` leads to no other machine; `None` while there is none.
fn is_sealed(out: &Path) -> Option<bool> {
    let run = newest(out)?;
    let label = format!("label=harness.run={}", run.file_name()?.to_str()?);
    let networks = docker(&["network", "ls", "--quiet", "--filter", &label])?;
    let network = networks.lines().next()?;
    Some(docker(&["network", "inspect", network, "--format", "{{.Internal}}"])? == "true")
}

#[test]
fn the_network_of_a_container_with_foreign_hosts_leads_nowhere_else() {
    let Some(_others) = an_engine_for("sealed network") else { return };
    let scratch = Scratch::new();
    let mut command = run_command(&scratch, &scenario(on_bridge, false, "HTTPS_PROXY = \"{egress.proxy}\"\n"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (out, mut sealed) = (scratch.0.join("out"), None);
    while sealed.is_none() && child.try_wait().unwrap().is_none() {
        sealed = is_sealed(&out);
        std::thread::sleep(Duration::from_millis(20));
    }
    let ran = ran(scratch, child.wait_with_output().unwrap());
    assert_eq!(sealed, Some(true), "{}\n{}", ran.stdout, ran.stderr);
    ran.expect_code(0);
    nothing_is_left(&ran);
}
