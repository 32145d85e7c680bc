//! Reads `[fleet]`, and says what a fleet cannot do.

use harness_fleet::spec::FleetEngine;

use super::*;

const FLEET: &str = "[fleet]\nengine = \"joined\"\nnodes = 4\n";

fn with(fleet: &str) -> String {
    format!("{GOOD}\n{fleet}\n")
}

/// Returns a scenario whose target and hub are at an address that other machines reach.
fn at_address(fleet: &str) -> String {
    with(fleet).replace("http://127.0.0.1:{port.proxy}", "http://198.18.0.1:{port.proxy}")
}

#[track_caller]
fn refused(text: &str, overrides: &[&str], words: &[&str]) {
    let found = mistakes(text, overrides);
    let says = |mistake: &String| words.iter().all(|word| mistake.contains(word));
    assert!(found.iter().any(says), "{words:?}: {found:#?}");
}

#[test]
fn a_fleet_at_loopback_needs_an_engine_and_a_number() {
    let fleet = good(&with(FLEET), &[]).fleet.unwrap();
    assert_eq!((fleet.engine, fleet.nodes, fleet.wait), (FleetEngine::Joined, 4, Nanos::from_secs(60)));
    assert_eq!((fleet.listen.to_string().as_str(), fleet.reach.len()), ("127.0.0.1:7411", 0));
    assert!(good(GOOD, &[]).fleet.is_none());
    refused(&with("[fleet]\nnodes = 4"), &[], &["fleet.engine", "is missing"]);
    refused(&with("[fleet]\nengine = \"joined\""), &[], &["fleet.nodes", "is missing"]);
}

#[test]
fn the_upstream_listens_where_the_nodes_reach_it() {
    let fleet = format!("{FLEET}listen = \"198.18.0.1:7411\"\nreach = [\"198.18.0.0/24\"]");
    let scenario = good(&at_address(&fleet), &[]);
    let Some(Upstream::Builtin(builtin)) = &scenario.stages[0].upstream else { panic!("{:?}", scenario.stages) };
    assert_eq!(builtin.address, "198.18.0.1".parse().ok());
    let plan = Plan::new(&scenario, &Options::default()).unwrap();
    let words = plan.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("fleet 4 nodes that you start with harness node join, hub at 198.18.0.1:7411"), "{words}");
    assert!(!plan.is_repeatable() && Plan::new(&good(GOOD, &[]), &Options::default()).unwrap().is_repeatable());
}

#[test]
fn a_swarm_has_limits_of_each_node() {
    let fleet = "[fleet]\nengine = \"swarm\"\nnodes = 2\nimage = \"x:1\"\neach = { cpus = 0.5, memory = \"128MiB\" }\n\
                 constraints = [\"node.labels.load==yes\"]";
    let fleet = good(&with(fleet), &[]).fleet.unwrap();
    assert_eq!((fleet.engine, fleet.image.as_deref(), fleet.each.cpus), (FleetEngine::Swarm, Some("x:1"), Some(0.5)));
    assert_eq!((fleet.each.memory.map(|memory| memory.0), fleet.constraints.len()), (Some(128 << 20), 1));
    for key in ["image = \"x:1\"", "each = { cpus = 1.0 }", "constraints = [\"node.role==worker\"]"] {
        refused(&with(&format!("{FLEET}{key}")), &[], &["is for nodes that the harness places"]);
    }
}

#[test]
fn only_what_is_yours_may_be_loaded() {
    for (more, words) in [
        ("nodes = 0", ["fleet.nodes", "must be between 1 and 1000, is 0"]),
        ("nodes = 1001", ["fleet.nodes", "must be between 1 and 1000, is 1001"]),
        ("engine = \"slurm\"", ["fleet.engine", "must be one of joined, swarm"]),
        ("listen = \"here\"", ["fleet.listen", "must be an IP address and a port"]),
        ("listen = \"0.0.0.0:7411\"", ["fleet.listen", "is every address of this machine"]),
        ("listen = \"10.0.0.5:7411\"", ["fleet.listen", "is not in reach"]),
        ("reach = [\"8.8.8.0/24\"]", ["fleet.reach.0", "contains public addresses"]),
        ("reach = [\"ten\"]", ["fleet.reach.0", "10.0.0.0/24"]),
        ("wait = \"0s\"", ["fleet.wait", "must be longer than 0"]),
    ] {
        let key = more.split(' ').next().unwrap();
        let rest: Vec<&str> = FLEET.lines().filter(|line| !line.starts_with(key)).collect();
        refused(&with(&format!("{}\n{more}", rest.join("\n"))), &[], &words);
    }
    let own = format!("{FLEET}reach = [\"8.8.8.0/24\"]\ni-own-this = true");
    assert_eq!(mistakes(&with(&own), &[]), [""; 0]);
    refused(&at_address(FLEET), &[], &["target.endpoints.proxy", "is not this host"]);
}

#[test]
fn what_is_at_loopback_is_another_machine_for_each_node() {
    let fleet = format!("{FLEET}listen = \"198.18.0.1:7411\"\nreach = [\"198.18.0.0/24\"]");
    refused(&with(&fleet), &[], &["target.endpoints.proxy", "is another machine for each node"]);
    let at_loopback = at_address(&fleet).replace("[upstream.builtin]", "[upstream.builtin]\naddress = \"127.0.0.2\"");
    refused(&at_loopback, &[], &["upstream.builtin.address", "is another machine"]);
    let at_socket = with(FLEET).replace("[upstream.builtin]", "[upstream.builtin]\nunix = true");
    refused(&at_socket, &[], &["upstream.builtin.unix", "cannot reach a unix socket"]);
}

#[test]
fn what_a_fleet_cannot_do_is_refused() {
    let more = |text: &str| format!("{}\n{text}\n", with(FLEET));
    refused(&more("[network]\nclient = { delay = \"1ms\" }"), &[], &["network", "relays are on this machine"]);
    refused(&more("[generator]\ncpuset = [0]"), &[], &["generator.cpuset", "the nodes of [fleet] send the load"]);
    refused(&more("[compare]\nagainst = \"builtin:sidecar\""), &[], &["fleet", "loads one target at a time"]);
    refused(&more("[stage.faults]\nfaults = [\"restart\"]"), &[], &["stage.faults", "does not run on a fleet yet"]);
    refused(&more("[stage.idle]"), &["stage.capacity.vus=3"], &["stage.capacity", "has 3 connections for 4 nodes"]);
    assert_eq!(mistakes(&more("[stage.idle]\n[stage.soak]\nduration = \"5m\""), &[]), [""; 0]);
    let container = with(FLEET).replace(
        "[target.process]\ncommand = [\"builtin:sidecar\", \"--listen\", \"127.0.0.1:{port.proxy}\", \"--admin\", \"127.0.0.1:{port.admin}\"]",
        "[target.container]\nimage = \"x:1\"\nnetwork = \"host\"\ncommand = [\"{port.proxy}\", \"{port.admin}\"]",
    );
    refused(&container, &[], &["target", "a container is not published"]);
}

#[test]
fn fleets_of_other_shapes_are_other_measurements() {
    let digest = |overrides: &[&str]| good(&with(FLEET), overrides).facts.plan_sha256.unwrap();
    assert_eq!(digest(&[]), digest(&["fleet.wait=90s"]));
    assert_ne!(digest(&[]), digest(&["fleet.nodes=3"]));
    assert_ne!(digest(&[]), digest(&["fleet.engine=swarm"]));
}
